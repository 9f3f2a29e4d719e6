import pytest
import torch
from mmseg.models.decode_heads.ema_head import EMAModule
from support import train
from torch import nn

from mmseg_classmix.engine.hooks.mean_teacher_hook import (
    MeanTeacherHook,
    TeacherUpdate,
)


@pytest.mark.parametrize('buffers', [None, 'average', 'copy'])
def test_update_moves_parameters_and_buffers_as_asked(buffers):
    student, teacher = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    student(torch.randn(4, 3, 5, 5) * 3 + 1)
    nn.init.constant_(student.weight, 5.0)
    TeacherUpdate(student, teacher, buffers)(0.25)
    torch.testing.assert_close(teacher.weight, torch.full((3,), 2.0))
    share = dict(average=0.25, copy=1.0).get(buffers, 0.0)
    torch.testing.assert_close(
        teacher.running_mean, share * student.running_mean
    )
    assert teacher.num_batches_tracked == (0 if buffers is None else 1)


def test_momentum_has_the_published_golden_values(tmp_path):
    runner = train(tmp_path, **{'train_cfg.max_iters': 1})
    (hook,) = (h for h in runner.hooks if isinstance(h, MeanTeacherHook))
    student, teacher = (
        network.decode_head.branches[0].weight
        for network in (runner.model.student, runner.model.teacher)
    )
    optimizer = runner.optim_wrapper.optimizer
    optimizer.zero_grad()
    hook.before_train(runner)
    golden = {0: 0, 1: 0.5, 3: 0.75, 9: 0.9, 98: 0.989899, 99: 0.99, 500: 0.99}
    for step, alpha in golden.items():
        nn.init.constant_(student, 0)
        nn.init.constant_(teacher, 1)
        runner.message_hub.update_info('ema_steps', step)
        # Without a gradient it moves nothing.
        optimizer.step()
        hook.after_train_iter(runner, step)
        assert teacher.unique().item() == pytest.approx(alpha, abs=1e-6)
        logged = runner.message_hub.get_scalar('train/ema_momentum').current()
        assert logged == pytest.approx(1 - alpha, abs=1e-6)
    hook.after_train(runner)


@pytest.mark.parametrize('buffers', [None, 'average', 'copy'])
def test_state_that_eval_mode_freezes_follows_the_student(buffers):
    student, teacher = (
        nn.Sequential(
            EMAModule(4, 2, 1, 0.1),
            nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        )
        for _ in range(2)
    )
    update = TeacherUpdate(student, teacher.eval(), buffers)
    for _ in range(2):
        # EMANet replaces its bases by new tensors.
        before = student[0].bases
        student.train()(torch.randn(2, 4, 5, 5) + 1)
        assert student[0].bases is not before
        update(0.25)
        torch.testing.assert_close(teacher[0].bases, student[0].bases)
        torch.testing.assert_close(
            teacher[1].running_mean, student[1].running_mean
        )
    assert teacher[1].running_mean.abs().max() > 0
