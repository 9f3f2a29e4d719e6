"""A loss or gradient that is no number ends a run, and harms no file."""

import math

import pytest
import torch
from breaking import EVERY_ITERATION, BreakingMeanTeacher, started
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from ranks import run_ranks
from support import log_lines, part, tiny_config
from torch.utils._python_dispatch import TorchDispatchMode

from mmseg_classmix.distributed import prepare_distributed
from mmseg_classmix.engine.hooks import NonFiniteHook
from mmseg_classmix.engine.optimizers import StepWatch
from mmseg_classmix.engine.runner import ClassMixRunner


def expect_stop(work_dir, broken, monkeypatch, **options):
    """Break the third iteration."""
    monkeypatch.setattr(BreakingMeanTeacher, 'broken', broken)
    options['model.type'] = 'BreakingMeanTeacher'
    runner, witness = started(work_dir, **options)
    with pytest.raises(FloatingPointError) as caught:
        runner.train()
    return str(caught.value), runner, witness


@pytest.mark.parametrize(
    ('broken', 'words'),
    [
        ('loss', ['the loss is not finite', 'unsup.loss_ce = nan']),
        ('gradient', ['the gradient is not finite']),
    ],
)
def test_the_run_stops_at_that_iteration(broken, words, tmp_path, monkeypatch):
    message, runner, witness = expect_stop(tmp_path, broken, monkeypatch)
    names = ['iteration 3:', 'sup.decode.loss_ce = ', 'iter_2.pth', *words]
    for word in names + witness.images[-1]:
        assert word in message
    assert len(witness.images) == 3
    assert 'load_from=' in message and 'clip_grad' in message
    assert {p.name for p in tmp_path.glob('*.pth')} == {'iter_2.pth'}
    assert len(log_lines(tmp_path)) == 2
    # It did break, but for the teacher.
    student, teacher = runner.model.student, runner.model.teacher
    assert all(p.isnan().any() for p in student.decode_head.parameters())
    kept = part(torch.load(tmp_path / 'iter_2.pth')['state_dict'], 'teacher')
    for name, value in teacher.named_parameters():
        assert torch.equal(value, kept[name])


def test_only_checkpoints_of_this_run_are_named(tmp_path, monkeypatch):
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_1.pth'))
    (tmp_path / 'iter_1.pth').write_bytes(b'of another run')
    options = {'default_hooks.checkpoint.interval': 100}
    message, *_ = expect_stop(tmp_path, 'loss', monkeypatch, **options)
    assert 'iter_1.pth' not in message
    assert 'no checkpoint yet' in message
    assert '--resume' not in message


@HOOKS.register_module()
class Steps(Hook):
    """Keeps the norm of the gradient and the learning rate of every step."""

    def before_train(self, runner):
        self.seen = []
        runner.optim_wrapper.optimizer.register_step_pre_hook(self.take)

    def take(self, optimizer, args, kwargs):
        (group, *_) = optimizer.param_groups
        grads = [p.grad.norm() for p in group['params'] if p.grad is not None]
        self.seen.append((float(torch.stack(grads).norm()), group['lr']))


def test_the_advice_helps(tmp_path, monkeypatch):
    """A resume obeys a new clip_grad, but no new learning rate."""
    message, *_ = expect_stop(tmp_path, 'loss', monkeypatch)
    last = str(tmp_path / 'iter_2.pth')
    assert message.count(last) == 2
    changes = {
        'optim_wrapper.clip_grad': dict(max_norm=1e-3),
        'optim_wrapper.optimizer.lr': 1e-9,
    }
    for key, steps in (('resume', 2), ('load_from', 4)):
        cfg = tiny_config(tmp_path / key, **changes)
        cfg.custom_hooks = [*cfg.custom_hooks, dict(type='Steps')]
        cfg[key] = last
        runner = ClassMixRunner.from_cfg(cfg)
        runner.train()
        (hook,) = (h for h in runner.hooks if isinstance(h, Steps))
        assert len(hook.seen) == steps
        norms, rates = zip(*hook.seen, strict=True)
        assert max(norms) <= 1.001e-3
        assert (max(rates) > 1e-4) is (key == 'resume')


def test_accumulated_gradients_name_all_their_images(tmp_path, monkeypatch):
    options = {
        'optim_wrapper.accumulative_counts': 2,
        'default_hooks.checkpoint.interval': 2,
    }
    message, _, witness = expect_stop(
        tmp_path, 'gradient', monkeypatch, **options
    )
    assert 'iteration 4:' in message
    images = message.split('; images ')[1]
    for name in witness.images[2] + witness.images[3]:
        assert name in images
    assert images.count('.png') == 8


def on_rank(rank, work_dir):
    cfg = tiny_config(
        work_dir,
        **EVERY_ITERATION,
        **{
            'model.type': 'BreakingMeanTeacher',
            'train_dataloader.batch_size': 2,
            'train_dataloader.sampler.batch_size': 2,
        },
    )
    cfg.launcher = 'pytorch'
    prepare_distributed(cfg)
    ClassMixRunner.from_cfg(cfg).train()


def test_all_ranks_stop_and_name_the_images_of_all(tmp_path, monkeypatch):
    monkeypatch.setattr(BreakingMeanTeacher, 'rank', 1)
    errors = run_ranks(on_rank, tmp_path)
    assert [type(error) for error in errors] == [FloatingPointError] * 2
    facts, others = (str(e).split('iteration 3: ')[1] for e in errors)
    assert facts == others
    first, second = facts.split('rank 1: ')
    assert 'unsup.loss_ce = nan' not in first
    assert 'unsup.loss_ce = nan' in second
    assert first.count('.png') == second.count('.png') == 2
    assert {p.name for p in tmp_path.glob('*.pth')} == {'iter_2.pth'}


@HOOKS.register_module()
class BreakWeights(Hook):
    """What a step does that overflows by a finite gradient."""

    priority = 'LOW'

    @torch.no_grad()
    def after_train_iter(self, runner, *_, **__):
        if runner.iter == 2:
            runner.model.student.decode_head.branches[0].bias[1] = math.inf


def test_no_checkpoint_of_broken_weights_is_written(tmp_path):
    cfg = tiny_config(tmp_path, **EVERY_ITERATION)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='BreakWeights')]
    with pytest.raises(FloatingPointError) as caught:
        ClassMixRunner.from_cfg(cfg).train()
    for word in ('student.decode_head.branches.0.bias', 'iter_2.pth', '3'):
        assert word in str(caught.value)
    assert {p.name for p in tmp_path.glob('*.pth')} == {'iter_2.pth'}


class Reads(TorchDispatchMode):
    """Counts what would wait for a GPU."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if '_local_scalar_dense' in str(func):
            self.count += 1
        return func(*args, **(kwargs or {}))


def test_watching_a_step_reads_nothing_from_the_device(tmp_path):
    net = torch.nn.Conv2d(3, 4, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.ones(1, 3, 4, 4)).sum().backward()
    hook = NonFiniteHook()
    optimizer.register_step_pre_hook(hook._before_step)
    watch = StepWatch(optimizer)
    with Reads() as reads:
        optimizer.step()
        assert watch.stepped() and not watch.stepped()
        assert reads.count == 0
        assert bool(hook._broken_gradient) is False
        assert reads.count == 1


def test_an_empty_gradient_is_left_out():
    weights = [torch.ones(2), torch.ones(0)]
    for weight in weights:
        weight.grad = weight / 0
    hook = NonFiniteHook()
    hook._before_step(torch.optim.SGD(weights, lr=0.1), (), {})
    assert bool(hook._broken_gradient) is True


@pytest.mark.parametrize('value', [0, -1, 1.5])
def test_a_bad_argument_is_refused(value):
    with pytest.raises(ValueError, match=f'max_skipped={value}'):
        NonFiniteHook(max_skipped=value)
