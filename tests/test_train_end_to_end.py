"""Training with the real Runner and real files."""

import itertools

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from support import (
    CLASSMIX,
    SUPERVISED,
    load,
    log_lines,
    part,
    tiny_config,
    train,
)

from mmseg_classmix.engine.runner import ClassMixRunner


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


class TeacherWitness(Hook):
    """Keeps the teacher of every iteration."""

    priority = 'LOWEST'

    def __init__(self):
        self.teachers = []

    def after_train_iter(self, runner, *args, **kwargs):
        weight = runner.model.teacher.decode_head.branches[0].weight
        self.teachers.append(weight.clone())


def test_teacher_waits_for_the_optimizer(tmp_path):
    options = {
        'optim_wrapper.accumulative_counts': 2,
        'default_hooks.checkpoint.interval': 2,
    }
    runner = ClassMixRunner.from_cfg(tiny_config(tmp_path, **options))
    witness = TeacherWitness()
    runner.register_hook(witness)
    runner.train()
    moved = [
        not torch.equal(a, b) for a, b in itertools.pairwise(witness.teachers)
    ]
    assert moved[:3] == [True, False, True]
    logged = [line.get('ema_momentum') for line in log_lines(tmp_path)[:4]]
    assert logged == [None, 1.0, 1.0, 0.5]


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
    ClassMixRunner.from_cfg(cfg).train()
    assert (tmp_path / 'iter_4.pth').is_file()
