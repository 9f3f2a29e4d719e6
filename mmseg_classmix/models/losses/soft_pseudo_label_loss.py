"""Cross entropy against the soft predictions of the teacher."""

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_classmix.models.losses.unsup_loss import UnsupLoss


@MODELS.register_module()
class SoftPseudoLabelLoss(UnsupLoss):
    """Weighted cross entropy against mixed probabilities (Table 3).

    The row "no pseudo-label" of the ablation. See :class:`UnsupLoss` for the
    arguments.
    """

    loss_name = 'loss_soft_ce'
    needs_prob = True

    def weighted_mean(
        self, logits: Tensor, batch: dict, weight: Tensor, num_valid: Tensor
    ) -> Tensor:
        """Sum the weighted loss of the pixels and divide it by num_valid."""
        log_prob = logits.float().log_softmax(1)
        cross_entropy = -(batch['prob'] * log_prob).sum(1)
        return (cross_entropy * weight).sum() / num_valid
