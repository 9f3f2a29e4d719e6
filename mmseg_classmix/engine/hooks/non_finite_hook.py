"""Abort on a loss, a gradient or a weight that is NaN or infinite."""

import math
from typing import Any

import torch
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from mmseg_classmix.distributed.model_wrapper import unwrap
from mmseg_classmix.engine.hooks.safe_checkpoint_hook import checkpoint_hook
from mmseg_classmix.engine.optimizers import StepWatch


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Abort at the first loss or gradient that is NaN or infinite.

    It runs after the optimizer step and before the teacher moves, the log is
    written or a checkpoint is saved: on disk nothing is touched by the broken
    weights. A checkpoint whose weights are not finite is not written either.
    The error names the losses, the images since the last optimizer step (of
    all processes, where the gradient is not finite) and the last checkpoint.

    The gradient is looked at as the optimizer gets it, after clipping, in an
    optimizer hook that leaves one number on the device. It and the loss are
    read after mmengine's ``RuntimeInfoHook`` has fetched the losses of the
    iteration for the log, which already waits for the device: no further
    wait, and the iteration that is named is the one that broke.

    With a gradient scaler (``AmpOptimWrapper``) an overflow is legal: the
    scaler leaves out the step. Such steps are counted, shown in the log as
    ``skipped_steps``, and kept in checkpoints. A loss that is not finite stops
    the run there too.

    Args:
        max_skipped: Steps left out one after the other that stop the run: the
            gradient is then no number at any scale.

    Raises:
        ValueError: If ``max_skipped`` is less than 1.
        TypeError: If the run has several optimizers.
        FloatingPointError: If a loss, a gradient or a weight is not finite,
            or ``max_skipped`` steps in a row were left out.
    """

    # After RuntimeInfoHook, before MeanTeacherHook.
    priority = 'HIGH'

    def __init__(self, max_skipped: int = 50) -> None:
        if not isinstance(max_skipped, int) or max_skipped < 1:
            raise ValueError(
                f'NonFiniteHook max_skipped={max_skipped!r} must be at least '
                '1 (default_hooks.non_finite)'
            )
        self.max_skipped = max_skipped
        self._broken_gradient: Tensor | None = None

    def before_train(self, runner: Runner) -> None:
        """Watch the steps of the only optimizer."""
        if not isinstance(runner.optim_wrapper, OptimWrapper):
            raise TypeError(
                'NonFiniteHook watches one optimizer, but optim_wrapper is '
                f'{type(runner.optim_wrapper).__name__}: set '
                'default_hooks.non_finite=None'
            )
        self._images = []
        self._skipped_in_a_row = 0
        self._kept = _newest(runner)
        optimizer = runner.optim_wrapper.optimizer
        self._watch = StepWatch(optimizer)
        self._handle = optimizer.register_step_pre_hook(self._before_step)

    def after_train(self, runner: Runner) -> None:
        """Watch no longer."""
        self._watch.close()
        self._handle.remove()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the loss and the gradient of this iteration."""
        self._images.extend(_image_names(data_batch))
        gradient, self._broken_gradient = self._broken_gradient, None
        broken = gradient is not None and bool(gradient)
        losses = {
            name: runner.message_hub.get_scalar(f'train/{name}').current()
            for name in outputs or ()
            if 'loss' in name
        }
        finite = all(map(math.isfinite, losses.values()))
        if broken or not finite:
            what = f'the {"gradient" if finite else "loss"} is not finite'
            raise self._error(runner, what, losses, everywhere=broken)
        if runner.optim_wrapper.should_update():
            self._count_step(runner, losses)
            self._images = []
        self._kept = _newest(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse parameters and running statistics that are not finite."""
        model = unwrap(runner.model)
        weights = {name for name, _ in model.named_parameters()}
        for name, value in checkpoint['state_dict'].items():
            counts = name in weights or 'running_' in name
            if counts and not value.isfinite().all():
                raise FloatingPointError(
                    f'{name} is not finite after iteration {runner.iter + 1}: '
                    'no checkpoint is written. '
                    f'{_way_out(self._newest_written(runner))}'
                )

    def _newest_written(self, runner: Runner) -> str | None:
        """Find the last checkpoint while another is being saved.

        CheckpointHook names a checkpoint before it writes it.
        """
        newest, hook = _newest(runner), checkpoint_hook(runner)
        if newest is None or hook.file_backend.isfile(newest):
            return newest
        return self._kept

    @torch.no_grad()
    def _before_step(
        self, optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict
    ) -> None:
        """Look at the gradient; nothing is read from the device."""
        # A fused optimizer unscales it by itself: StepWatch sees overflows.
        if getattr(optimizer, 'found_inf', None) is not None:
            return
        grads = [
            parameter.grad
            for group in optimizer.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]
        if grads:
            # A sum is a number where every term is; on the CPU the largest
            # value would take a twentieth of an iteration.
            sums = torch.stack([grad.sum() for grad in grads])
            self._broken_gradient = ~sums.isfinite().all()

    def _count_step(self, runner: Runner, losses: dict) -> None:
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        # With bfloat16 there is a scaler that does nothing.
        if scaler is None or not scaler.is_enabled():
            return
        hub = runner.message_hub
        skipped = not self._watch.stepped()
        total = hub.get_info('skipped_steps', 0) + int(skipped)
        hub.update_info('skipped_steps', total)
        hub.update_scalar('train/skipped_steps', total)
        self._skipped_in_a_row = self._skipped_in_a_row + 1 if skipped else 0
        if self._skipped_in_a_row >= self.max_skipped:
            what = (
                f'the gradient scaler has left out {self._skipped_in_a_row} '
                'optimizer steps one after the other '
                '(default_hooks.non_finite.max_skipped)'
            )
            raise self._error(runner, what, losses, everywhere=True)

    def _error(
        self, runner: Runner, what: str, losses: dict, everywhere: bool
    ) -> FloatingPointError:
        values = ', '.join(f'{k} = {v:g}' for k, v in losses.items())
        facts = f'{values}; images {", ".join(self._images)}'
        if everywhere and isinstance(runner.model, DistributedDataParallel):
            # Gradients are averaged: every process has come here.
            ranks = enumerate(all_gather_object(facts))
            facts = '; '.join(f'rank {r}: {text}' for r, text in ranks)
        return FloatingPointError(
            f'{what} at iteration {runner.iter + 1}: {facts}. '
            f'{_way_out(_newest(runner))}'
        )


def _newest(runner: Runner) -> str | None:
    """Name the last checkpoint of this run, or the one it resumed from."""
    hook = checkpoint_hook(runner)
    return None if hook is None else hook.last_ckpt


def _way_out(last: str | None) -> str:
    """Say what can help: a resume takes its learning rate from the file."""
    look = 'Look at these images and their masks'
    if last is None:
        return (
            f'This run has no checkpoint yet. {look}; or start again with a '
            'lower optim_wrapper.optimizer.lr or with '
            'optim_wrapper.clip_grad=dict(max_norm=...)'
        )
    return (
        f'The last good checkpoint is {last}. {look}; or continue with '
        '--resume and optim_wrapper.clip_grad=dict(max_norm=...); or start in '
        f'a new work_dir with load_from={last} and a lower '
        'optim_wrapper.optimizer.lr (--resume would keep the old one)'
    )


def _image_names(data_batch: Any) -> list[str]:
    if not isinstance(data_batch, dict):
        return []
    samples = data_batch.get('data_samples') or ()
    return [str(sample.get('img_path', 'unnamed')) for sample in samples]
