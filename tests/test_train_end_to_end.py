"""Training, validation and testing with the real Runner and real files."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import TRANSFORMS
from support import (
    CLASSMIX,
    ROOT,
    SUPERVISED,
    environment,
    largest_difference,
    load,
    run_process,
    tiny_config,
    train,
)


def log_lines(work_dir):
    """Scalars that LoggerHook wrote, one dict a line."""
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def part(state_dict, name):
    prefix = f'{name}.'
    return {
        key.removeprefix(prefix): value
        for key, value in state_dict.items()
        if key.startswith(prefix)
    }


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A finished run of 4 iterations with every checkpoint."""
    work_dir = tmp_path_factory.mktemp('finished')
    options = {
        'default_hooks.checkpoint.interval': 1,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
        'train_cfg.val_interval': 4,
    }
    train(work_dir, **options)
    return work_dir


def test_log_names_everything_a_user_watches(finished):
    first, *_ = log_lines(finished)
    assert {
        'loss',
        'sup.decode.loss_ce',
        'unsup.loss_ce',
        'unsup.weight',
        'unsup.confident_share',
        'unsup.mean_confidence',
        'ema_momentum',
        'lr',
        'time',
        'data_time',
    } <= first.keys()
    assert first['loss'] == pytest.approx(
        first['sup.decode.loss_ce'] + first['unsup.loss_ce'], abs=1e-6
    )
    (log,) = finished.glob('*/*.log')
    assert 'eta: ' in log.read_text()


def test_log_is_readable(finished):
    (log,) = finished.glob('*/*.log')
    text = log.read_text()
    assert 'requires_grad=False' not in text
    assert 'Initialized by' not in text
    assert 'The value is the same before and after' not in text


def test_unsupervised_loss_reaches_the_student(finished):
    assert log_lines(finished)[0]['unsup.loss_ce'] > 0


def test_teacher_follows_the_published_warmup(finished):
    states = [load(finished / f'iter_{i}.pth') for i in range(1, 5)]
    states = [state['state_dict'] for state in states]
    for key, teacher in part(states[0], 'teacher').items():
        if 'running' in key or 'tracked' in key:
            continue
        # alpha = 1 - 1 / (i + 1): the first step copies the student.
        assert torch.equal(teacher, states[0][f'student.{key}'])
        for i in (1, 2, 3):
            alpha = 1 - 1 / (i + 1)
            old = states[i - 1][f'teacher.{key}'].double().numpy()
            student = states[i][f'student.{key}'].double().numpy()
            np.testing.assert_allclose(
                states[i][f'teacher.{key}'].numpy(),
                alpha * old + (1 - alpha) * student,
                atol=1e-6,
            )


def test_student_statistics_change_twice_an_iteration(finished):
    state = load(finished / 'iter_4.pth')['state_dict']
    assert state['student.backbone.bn1.num_batches_tracked'] == 8
    # The teacher labels with batch statistics: its own 4 passes only.
    assert state['teacher.backbone.bn1.num_batches_tracked'] == 4


def test_validation_reports_both_networks(finished):
    scores = log_lines(finished)[-1]
    assert {'student/mIoU', 'teacher/mIoU'} <= scores.keys()
    assert (finished / 'best_student_mIoU_iter_4.pth').is_file()


@pytest.mark.parametrize('network', ['student', 'teacher'])
def test_tools_test_repeats_the_validation(finished, tmp_path, network):
    done = run_process(
        sys.executable,
        ROOT / 'tools' / 'test.py',
        CLASSMIX,
        finished / 'iter_4.pth',
        '--work-dir',
        tmp_path,
        '--out',
        tmp_path / 'masks',
        '--show-dir',
        tmp_path / 'painted',
        '--cfg-options',
        f'model.predict_on={network}',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    (result,) = tmp_path.glob('*/*.json')
    score = json.loads(result.read_text())['mIoU']
    assert score == pytest.approx(log_lines(finished)[-1][f'{network}/mIoU'])
    assert len(list((tmp_path / 'masks').glob('*.png'))) == 3
    assert len(list((tmp_path / 'painted').rglob('*.png'))) == 3


def test_tools_test_augments_at_test_time(finished, tmp_path):
    done = run_process(
        sys.executable,
        ROOT / 'tools' / 'test.py',
        CLASSMIX,
        finished / 'iter_4.pth',
        '--work-dir',
        tmp_path,
        '--tta',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert 'mIoU' in done.stdout


def test_checkpoint_is_plain_data(finished):
    checkpoint = load(finished / 'best_student_mIoU_iter_4.pth')
    assert isinstance(
        checkpoint['message_hub']['runtime_info']['best_score'], float
    )


def test_kill_and_resume_changes_no_bit(finished, tmp_path):
    command = [
        sys.executable,
        str(ROOT / 'tools' / 'train.py'),
        str(CLASSMIX),
        '--work-dir',
        str(tmp_path),
        '--cfg-options',
        'train_dataloader.num_workers=1',
        'train_cfg.max_iters=4',
    ]
    # Long enough that the kill comes in the middle.
    endless = [*command[:-1], 'train_cfg.max_iters=100000']
    process = subprocess.Popen(
        endless,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / 'iter_2.pth').exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for path in tmp_path.glob('iter_*.pth'):
        if path.name != 'iter_2.pth':
            path.unlink()
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_2.pth'))

    done = run_process(*command[:5], '--resume', *command[5:], cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    resumed, whole = (
        load(tmp_path / 'iter_4.pth'),
        load(finished / 'iter_4.pth'),
    )
    assert largest_difference(resumed['state_dict'], whole['state_dict']) == 0
    for key, state in whole['optimizer']['state'].items():
        other = resumed['optimizer']['state'][key]['momentum_buffer']
        assert torch.equal(state['momentum_buffer'], other)


def test_teacher_waits_for_the_optimizer(tmp_path):
    options = {
        'optim_wrapper.accumulative_counts': 2,
        'default_hooks.checkpoint.interval': 1,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
    }
    train(tmp_path, **options)
    teachers = [
        load(tmp_path / f'iter_{i}.pth')['state_dict'][
            'teacher.decode_head.branches.0.weight'
        ]
        for i in range(1, 5)
    ]
    moved = [
        not torch.equal(a, b)
        for a, b in zip(teachers, teachers[1:], strict=False)
    ]
    assert moved == [True, False, True]
    logged = [line.get('ema_momentum') for line in log_lines(tmp_path)[:4]]
    assert logged == [None, 1.0, 1.0, 0.5]


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


def test_momentum_of_the_hook_ends_at_the_published_value(tmp_path):
    options = {
        'train_cfg.max_iters': 104,
        'train_dataloader.dataset.datasets.0.indices': 2,
        'default_hooks.checkpoint.interval': 1000,
    }
    train(tmp_path, **options)
    lines = [line for line in log_lines(tmp_path) if 'loss' in line]
    logged = [line['ema_momentum'] for line in lines]
    golden = {0: 1, 1: 0.5, 3: 0.25, 9: 0.1, 98: 0.010101, 99: 0.01, 103: 0.01}
    for step, momentum in golden.items():
        assert logged[step] == pytest.approx(momentum, abs=1e-6)


@pytest.mark.parametrize('buffers', ['average', 'copy'])
def test_teacher_may_label_in_eval_mode(tmp_path, buffers):
    options = {
        'model.teacher_norm_eval': True,
        'custom_hooks.0.buffers': buffers,
        'default_hooks.checkpoint.interval': 1,
    }
    train(tmp_path, **options)
    state = load(tmp_path / 'iter_4.pth')['state_dict']
    mean = [
        state[f'{name}.backbone.bn1.running_mean']
        for name in ('student', 'teacher')
    ]
    assert torch.equal(*mean) == (buffers == 'copy')
    assert mean[1].abs().sum() > 0


def test_labeled_stream_is_that_of_the_baseline(tmp_path):
    def first_batch(config):
        runner = train(
            tmp_path / config.stem, config, **{'train_cfg.max_iters': 1}
        )
        return next(iter(runner.train_dataloader))

    supervised, semi = first_batch(SUPERVISED), first_batch(CLASSMIX)
    for ours, theirs in zip(
        semi['inputs'][:2], supervised['inputs'], strict=True
    ):
        assert torch.equal(ours, theirs)


def test_validation_reads_each_image_once(tmp_path):
    paths = []

    class CountReads:
        def __call__(self, results):
            paths.append(results['img_path'])
            return results

    TRANSFORMS.register_module(module=CountReads, force=True)
    cfg = tiny_config(tmp_path)
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    cfg.val_dataloader.dataset.pipeline.insert(1, dict(type='CountReads'))
    Runner.from_cfg(cfg).train()
    assert len(paths) == len(set(paths)) == 3


def test_other_backbones_need_a_few_lines(tmp_path):
    segformer = dict(
        type='EncoderDecoder',
        backbone=dict(
            type='MixVisionTransformer',
            embed_dims=8,
            num_layers=[1, 1, 1, 1],
            num_heads=[1, 2, 4, 8],
        ),
        decode_head=dict(
            type='SegformerHead',
            in_channels=[8, 16, 32, 64],
            in_index=[0, 1, 2, 3],
            channels=16,
            num_classes=3,
        ),
        test_cfg=dict(mode='whole'),
    )
    cfg = tiny_config(tmp_path)
    cfg.model.segmentor = dict(
        segformer, data_preprocessor=cfg.model.segmentor.data_preprocessor
    )
    cfg.optim_wrapper.optimizer = dict(type='AdamW', lr=1e-3)
    Runner.from_cfg(cfg).train()
    assert (tmp_path / 'iter_4.pth').is_file()
