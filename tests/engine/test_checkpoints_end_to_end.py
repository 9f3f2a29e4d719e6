"""What a training saves, and what starts from it, with the real Runner."""

import torch
from support import (
    CLASSMIX,
    SUPERVISED,
    largest_difference,
    load,
    part,
    train,
)
from tool_process import run_tool, write_config


def test_checkpoint_is_plain_data(finished):
    checkpoint = load(finished / 'best_student_mIoU_iter_4.pth')
    assert isinstance(
        checkpoint['message_hub']['runtime_info']['best_score'], float
    )


def test_kill_and_resume_changes_no_bit(finished, tmp_path):
    kill = dict(
        type='SignalHook', number='SIGKILL', stage='after_train_iter', at=2
    )
    config = write_config(tmp_path / 'config.py', CLASSMIX, [kill])
    arguments = ['--work-dir', tmp_path, '--cfg-options']
    arguments.append('train_dataloader.num_workers=1')
    run_tool('train.py', config, *arguments, cwd=tmp_path, codes=[-9])
    assert (tmp_path / 'iter_2.pth').exists()
    run_tool('train.py', CLASSMIX, '--resume', *arguments, cwd=tmp_path)
    resumed, whole = (
        load(tmp_path / 'iter_4.pth'),
        load(finished / 'iter_4.pth'),
    )
    assert largest_difference(resumed['state_dict'], whole['state_dict']) == 0
    for key, state in whole['optimizer']['state'].items():
        other = resumed['optimizer']['state'][key]['momentum_buffer']
        assert torch.equal(state['momentum_buffer'], other)


def test_supervised_checkpoint_starts_both_networks(tmp_path):
    train(tmp_path / 'sup', SUPERVISED)
    plain = load(tmp_path / 'sup' / 'iter_4.pth')['state_dict']
    options = {
        'load_from': str(tmp_path / 'sup' / 'iter_4.pth'),
        'optim_wrapper.optimizer.lr': 0.0,
        'train_cfg.max_iters': 1,
        'default_hooks.checkpoint.interval': 1,
    }
    train(tmp_path / 'semi', **options)
    state = load(tmp_path / 'semi' / 'iter_1.pth')['state_dict']
    for name in ('student', 'teacher'):
        loaded = part(state, name)
        # Running statistics move without a learning rate.
        kept = [k for k in plain if 'running' not in k and 'num_b' not in k]
        difference = largest_difference(
            {k: plain[k] for k in kept}, {k: loaded[k] for k in kept}
        )
        assert difference == 0


def test_semi_supervised_checkpoint_keeps_its_teacher(finished, tmp_path):
    start = load(finished / 'iter_4.pth')
    for key, value in start['state_dict'].items():
        if key.startswith('teacher.decode_head'):
            value += 1
    torch.save(start, tmp_path / 'start.pth')
    options = {
        'load_from': str(tmp_path / 'start.pth'),
        'optim_wrapper.optimizer.lr': 0.0,
        'train_cfg.max_iters': 1,
        'default_hooks.checkpoint.interval': 1,
    }
    train(tmp_path / 'run', **options)
    state = load(tmp_path / 'run' / 'iter_1.pth')['state_dict']
    key = 'decode_head.branches.0.weight'
    distance = state[f'teacher.{key}'] - state[f'student.{key}']
    before = start['state_dict']
    before = before[f'teacher.{key}'] - before[f'student.{key}']
    # One step of momentum 0.01, not the copy of a warm-up.
    torch.testing.assert_close(distance, 0.99 * before)
