"""Steps that a gradient scaler leaves out."""

import itertools
import math

import pytest
import torch
from breaking import started
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from support import load, log_lines, tiny_config, train

from mmseg_classmix.engine.runner import ClassMixRunner


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


def moves(kept):
    """Whether weights differ from those of the iteration before."""
    return [
        not all(map(torch.equal, before, after))
        for before, after in itertools.pairwise(kept)
    ]


@pytest.mark.parametrize(('fused', 'counted'), [(False, False), (True, True)])
def test_skipped_steps_do_not_move_the_teacher(tmp_path, fused, counted):
    options = {
        **AMP,
        'optim_wrapper.optimizer.fused': fused,
        # After a skipped first step torch's fused SGD has no momentum.
        'optim_wrapper.optimizer.momentum': 0,
        'optim_wrapper.optimizer.nesterov': False,
        'train_cfg.max_iters': 12,
        'default_hooks.checkpoint.interval': 12,
    }
    if not counted:
        options['default_hooks.non_finite'] = None
    runner, witness = started(tmp_path, **options)
    runner.train()
    scale = runner.optim_wrapper.loss_scaler.get_scale()
    skipped = round(127 - math.log2(scale))
    assert 2 <= skipped <= 9
    steps = moves(witness.students)
    assert steps.count(False) == skipped
    assert moves(witness.teachers) == steps
    lines = train_lines(tmp_path)
    # The first step copies the student, the n-th takes 1/n of it.
    momenta = [
        line['ema_momentum']
        for line, step in zip(lines, [*steps, True], strict=True)
        if step
    ]
    expected = [1 / (n + 1) for n in range(12 - skipped)]
    assert momenta == pytest.approx(expected, abs=1e-4)
    info = load(tmp_path / 'iter_12.pth')['message_hub']['runtime_info']
    assert info['ema_steps'] == 12 - skipped
    assert info.get('skipped_steps', 0) == (skipped if counted else 0)
    if counted:
        counts = [line['skipped_steps'] for line in lines]
        assert counts == [steps[: n + 1].count(False) for n in range(12)]


def test_counts_go_on_after_a_resume(tmp_path):
    options = {
        **AMP,
        'default_hooks.checkpoint.interval': 2,
        'train_cfg.max_iters': 2,
    }
    train(tmp_path, **options)
    assert train_lines(tmp_path)[-1]['skipped_steps'] == 2
    # What is left of these steps in a checkpoint of an earlier version.
    checkpoint = load(tmp_path / 'iter_2.pth')
    del checkpoint['message_hub']['runtime_info']['ema_steps']
    torch.save(checkpoint, tmp_path / 'earlier.pth')
    options['train_cfg.max_iters'] = 12
    options['default_hooks.checkpoint.interval'] = 12
    for name in ('iter_2', 'earlier'):
        cfg = tiny_config(tmp_path / name, **options)
        cfg.resume = str(tmp_path / f'{name}.pth')
        ClassMixRunner.from_cfg(cfg).train()
        lines = train_lines(tmp_path / name)
        assert lines[0]['skipped_steps'] == 3
        info = load(tmp_path / name / 'iter_12.pth')['message_hub']
        info = info['runtime_info']
        assert info['ema_steps'] == 12 - info['skipped_steps'] > 0


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
