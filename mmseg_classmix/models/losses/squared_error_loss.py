"""Squared error against the soft predictions of the teacher."""

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_classmix.models.losses.unsup_loss import UnsupLoss


@MODELS.register_module()
class SquaredErrorLoss(UnsupLoss):
    """Weighted squared error between mixed probabilities (Table 3).

    Args:
        weighting: Name of the weighting, see :class:`UnsupWeight`.
        threshold: Confidence threshold in [0, 1].
        ramp_up_iters: Length of the sigmoid ramp-up in iterations.
        loss_weight: Factor of the loss, at least 0.
        class_reduction: 'sum' over the classes (paper, section 4.3) or 'mean'
            (published code).

    Raises:
        ValueError: If an argument is unknown or out of range.
    """

    loss_name = 'loss_squared_error'
    needs_prob = True

    def __init__(
        self,
        weighting: str = 'proportion_per_image',
        threshold: float = 0.968,
        ramp_up_iters: int = 10000,
        loss_weight: float = 1.0,
        class_reduction: str = 'sum',
    ) -> None:
        super().__init__(weighting, threshold, ramp_up_iters, loss_weight)
        if class_reduction not in ('sum', 'mean'):
            raise ValueError(
                f'model.unsup_loss.class_reduction={class_reduction!r} must '
                "be 'sum' or 'mean'"
            )
        self.class_reduction = class_reduction

    def weighted_mean(
        self, logits: Tensor, batch: dict, weight: Tensor, num_valid: Tensor
    ) -> Tensor:
        """Sum the weighted loss of the pixels and divide it by num_valid."""
        error = (logits.float().softmax(1) - batch['prob']) ** 2
        error = (
            error.sum(1) if self.class_reduction == 'sum' else error.mean(1)
        )
        return (error * weight).sum() / num_valid
