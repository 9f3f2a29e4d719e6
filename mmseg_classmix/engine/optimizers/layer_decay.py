"""mmseg's layer decay, for the student of a mean teacher too.

Its constructors tell the depth of a parameter by a name that starts with
``backbone.``; in MeanTeacherSegmentor the names start with
``student.backbone.``. The classes below take their places in the registry, so
that published settings need no change. For other models they do what mmseg's
do.
"""

from mmengine.optim import OptimWrapper
from mmseg.engine.optimizers import (
    LayerDecayOptimizerConstructor,
    LearningRateDecayOptimizerConstructor,
)
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmseg_classmix.distributed.unwrap import unwrap


class _OfStudent:
    """Hand the student to an optimizer constructor, if there is one."""

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer wrapper.

        Args:
            model: The model of a runner.

        Returns:
            A wrapper of the parameters of the student that are trained, or of
            all of a model without a student.
        """
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
