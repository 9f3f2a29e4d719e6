"""Steps that a gradient scaler leaves out."""

import itertools
import math

import pytest
import torch
from breaking import EVERY_ITERATION, started
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from support import log_lines, tiny_config, train

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
    ClassMixRunner.from_cfg(cfg).train()
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
