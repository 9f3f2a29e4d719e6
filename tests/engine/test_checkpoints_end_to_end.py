"""What a training saves, and what starts from it, with the real Runner."""

import torch
from support import SUPERVISED, largest_difference, load, part, train


def test_checkpoint_is_plain_data(finished):
    checkpoint = load(finished / 'best_student_mIoU_iter_4.pth')
    assert isinstance(
        checkpoint['message_hub']['runtime_info']['best_score'], float
    )


def test_supervised_checkpoint_starts_both_networks(tmp_path):
    short = {'train_cfg.max_iters': 1, 'default_hooks.checkpoint.interval': 1}
    train(tmp_path / 'sup', SUPERVISED, **short)
    plain = load(tmp_path / 'sup' / 'iter_1.pth')['state_dict']
    options = {
        'load_from': str(tmp_path / 'sup' / 'iter_1.pth'),
        'optim_wrapper.optimizer.lr': 0.0,
    }
    train(tmp_path / 'semi', **short, **options)
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
