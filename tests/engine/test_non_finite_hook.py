"""A loss or gradient that is no number ends a run, and harms no file."""

import itertools
import math
from pathlib import Path

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS
from mmengine.runner import Runner
from mmseg.registry import MODELS
from ranks import run_ranks
from support import log_lines, part, tiny_config, train
from torch.utils._python_dispatch import TorchDispatchMode

from mmseg_classmix.engine import prepare_distributed
from mmseg_classmix.engine.hooks import NonFiniteHook
from mmseg_classmix.models import MeanTeacherSegmentor

EVERY_ITERATION = {
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.checkpoint.max_keep_ckpts': 1,
}


@MODELS.register_module()
class BreakingMeanTeacher(MeanTeacherSegmentor):
    """Breaks in one forward pass, on one rank."""

    broken = 'loss'
    at = 2
    rank = 0
    calls = 0

    def loss(self, inputs, data_samples):
        losses = super().loss(inputs, data_samples)
        if self.calls == self.at and get_rank() == self.rank:
            name = 'unsup.loss_ce'
            if self.broken == 'loss':
                losses[name] = losses[name] * math.nan
            else:
                # 0, but its derivative is infinite times 0.
                losses[name] = losses[name] + (losses[name] * 0).sqrt()
        self.calls += 1
        return losses


@HOOKS.register_module()
class Witness(Hook):
    """Keeps what the test compares: images, weights."""

    priority = 'VERY_HIGH'

    def __init__(self):
        self.images, self.teachers = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        samples = data_batch['data_samples']
        self.images.append([Path(s.img_path).name for s in samples])
        teacher = runner.model.teacher.parameters()
        self.teachers.append([p.detach().clone() for p in teacher])


def started(work_dir, **options):
    """A runner and its witness."""
    options = dict(EVERY_ITERATION, **options)
    cfg = tiny_config(work_dir, **options)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='Witness')]
    runner = Runner.from_cfg(cfg)
    return runner, next(h for h in runner.hooks if isinstance(h, Witness))


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
        runner = Runner.from_cfg(cfg)
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
    Runner.from_cfg(cfg).train()


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
        Runner.from_cfg(cfg).train()
    for word in ('student.decode_head.branches.0.bias', 'iter_2.pth', '3'):
        assert word in str(caught.value)
    assert {p.name for p in tmp_path.glob('*.pth')} == {'iter_2.pth'}


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(AmpOptimWrapper):
    """mmengine's wrapper, which asks for a GPU, with torch's CPU scaler."""

    def __init__(self, init_scale, **kwargs):
        OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.cast_dtype = torch.bfloat16
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=init_scale)


# The gradients are large: the first steps overflow, and each halves the scale.
AMP = {
    'optim_wrapper.type': 'CPUAmpOptimWrapper',
    'optim_wrapper.init_scale': 2.0**127,
    'optim_wrapper.optimizer.lr': 2e-5,
    'model.segmentor.decode_head.loss_decode.loss_weight': 1000.0,
}


def train_lines(work_dir):
    return [line for line in log_lines(work_dir) if 'loss' in line]


@pytest.mark.parametrize('fused', [False, True])
def test_skipped_steps_are_counted_and_do_not_move_the_teacher(
    tmp_path, fused
):
    options = {
        **AMP,
        'optim_wrapper.optimizer.fused': fused,
        # After a skipped first step torch's fused SGD has no momentum.
        'optim_wrapper.optimizer.momentum': 0,
        'optim_wrapper.optimizer.nesterov': False,
        'train_cfg.val_interval': 100,
        'train_cfg.max_iters': 12,
    }
    runner, witness = started(tmp_path, **options)
    runner.train()
    scale = runner.optim_wrapper.loss_scaler.get_scale()
    skipped = round(127 - math.log2(scale))
    assert 2 <= skipped <= 9
    lines = train_lines(tmp_path)
    counts = [line['skipped_steps'] for line in lines]
    assert counts[-1] == skipped
    assert counts == sorted(counts) and counts[0] == 1
    steps = [
        n == last for n, last in zip(counts, [0, *counts[:-1]], strict=True)
    ]
    # The first step copies the student, the n-th takes 1/n of it.
    momenta = [
        line['ema_momentum']
        for line, step in zip(lines, steps, strict=True)
        if step
    ]
    expected = [1 / (n + 1) for n in range(12 - skipped)]
    assert momenta == pytest.approx(expected, abs=1e-4)
    moved = [
        not all(map(torch.equal, before, after))
        for before, after in itertools.pairwise(witness.teachers)
    ]
    assert moved == steps[:-1]
    info = torch.load(tmp_path / 'iter_12.pth')['message_hub']['runtime_info']
    assert info['skipped_steps'] == skipped
    assert 'step_skipped' not in info


def test_counts_go_on_after_a_resume(tmp_path):
    options = {
        **AMP,
        **EVERY_ITERATION,
        'train_cfg.max_iters': 2,
    }
    train(tmp_path, **options)
    assert train_lines(tmp_path)[-1]['skipped_steps'] == 2
    options['train_cfg.max_iters'] = 3
    cfg = tiny_config(tmp_path / 'other', **options)
    cfg.resume = str(tmp_path / 'iter_2.pth')
    Runner.from_cfg(cfg).train()
    (line,) = train_lines(tmp_path / 'other')
    assert line['skipped_steps'] == 3


def test_a_gradient_that_is_never_finite_stops_the_run(tmp_path):
    options = {
        **AMP,
        'default_hooks.non_finite.max_skipped': 2,
    }
    runner, witness = started(tmp_path, **options)
    with pytest.raises(FloatingPointError) as caught:
        runner.train()
    for word in ('2 optimizer steps', 'max_skipped', 'iteration 2:'):
        assert word in str(caught.value)
    assert len(witness.images) == 2


def test_without_a_scaler_the_log_has_no_such_line(finished):
    assert not any('skipped_steps' in line for line in log_lines(finished))


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
    hook._reset()
    with Reads() as reads:
        hook._before_step(optimizer, (), {})
        assert reads.count == 0
        assert bool(hook._broken_gradient) is False
        assert reads.count == 1


def test_an_empty_gradient_is_left_out():
    weights = [torch.ones(2), torch.ones(0)]
    for weight in weights:
        weight.grad = weight / 0
    hook = NonFiniteHook()
    hook._reset()
    hook._before_step(torch.optim.SGD(weights, lr=0.1), (), {})
    assert bool(hook._broken_gradient) is True


@pytest.mark.parametrize('value', [0, -1, 1.5])
def test_a_bad_argument_is_refused(value):
    with pytest.raises(ValueError, match=f'max_skipped={value}'):
        NonFiniteHook(max_skipped=value)
