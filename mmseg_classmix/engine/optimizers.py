"""Optimizers of the student alone, and which iterations make a step.

mmseg's constructors of layer decay tell the depth of a parameter by a name
that starts with ``backbone.``; in MeanTeacherSegmentor the names start with
``student.backbone.``. The classes below take their places in the registry, so
that published settings need no change. For other models they do what mmseg's
do.
"""

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmseg.engine.optimizers import (
    LayerDecayOptimizerConstructor,
    LearningRateDecayOptimizerConstructor,
)
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import Tensor, nn

from mmseg_classmix.distributed.model_wrapper import unwrap

__all__ = [
    'StudentLayerDecayConstructor',
    'StudentLearningRateDecayConstructor',
]


class _OfStudent:
    """Hand the student to an optimizer constructor, if there is one."""

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the wrapper of a student, or of a model without one."""
        model = unwrap(model)
        return super().__call__(getattr(model, 'student', model))


@OPTIM_WRAPPER_CONSTRUCTORS.register_module(
    name='LearningRateDecayOptimizerConstructor', force=True
)
class StudentLearningRateDecayConstructor(
    _OfStudent, LearningRateDecayOptimizerConstructor
):
    """Layer-wise or stage-wise decay of the learning rates of the student.

    For the backbones that mmseg's constructor knows: ConvNeXt, BEiT, MAE.
    """


@OPTIM_WRAPPER_CONSTRUCTORS.register_module(
    name='LayerDecayOptimizerConstructor', force=True
)
class StudentLayerDecayConstructor(_OfStudent, LayerDecayOptimizerConstructor):
    """The same under the name that mmseg has deprecated."""


def accumulative_counts(runner: Runner) -> int:
    """Iterations that make one optimizer step."""
    return getattr(runner.optim_wrapper, '_accumulative_counts', 1)


class StepWatch:
    """See whether an optimizer steps; a gradient scaler leaves out steps.

    Nothing is read from the device before :meth:`stepped` is called, and
    then only with a fused optimizer under a gradient scaler.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._called = False
        self._overflow: Tensor | None = None
        self._handle = optimizer.register_step_pre_hook(self._note)

    def _note(
        self, optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict
    ) -> None:
        self._called = True
        # A fused optimizer unscales, and leaves out the step, by itself.
        self._overflow = getattr(optimizer, 'found_inf', None)

    def stepped(self) -> bool:
        """Say whether there was a step since the last question."""
        called, overflow = self._called, self._overflow
        self._called, self._overflow = False, None
        return called and not (overflow is not None and bool(overflow))

    def close(self) -> None:
        """Watch no longer."""
        self._handle.remove()
