"""Cross entropy against pseudo-labels: the loss of ClassMix."""

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_classmix.models.losses.unsup_loss import UnsupLoss


@MODELS.register_module()
class PseudoLabelLoss(UnsupLoss):
    """Weighted loss against the mixed argmax labels (paper, section 3.3).

    Args:
        weighting: Name of the weighting, see :class:`UnsupWeight`.
        threshold: Confidence threshold in [0, 1].
        ramp_up_iters: Length of the sigmoid ramp-up in iterations.
        loss_weight: Factor of the loss, at least 0.
        loss_decode: Config of an mmseg loss that takes a weight for every
            pixel and an ``avg_factor``.

    Raises:
        ValueError: If an argument is unknown or out of range.
    """

    def __init__(
        self,
        weighting: str = 'proportion_per_image',
        threshold: float = 0.968,
        ramp_up_iters: int = 10000,
        loss_weight: float = 1.0,
        loss_decode: dict | None = None,
    ) -> None:
        super().__init__(weighting, threshold, ramp_up_iters, loss_weight)
        # The flag only silences mmseg's warning: avg_factor is always given.
        self.loss_decode = MODELS.build(
            loss_decode or dict(type='CrossEntropyLoss', avg_non_ignore=True)
        )
        self.loss_name = self.loss_decode.loss_name

    def weighted_mean(
        self, logits: Tensor, batch: dict, weight: Tensor, num_valid: Tensor
    ) -> Tensor:
        """Sum the weighted loss of the pixels and divide it by num_valid."""
        return self.loss_decode(
            logits.float(),
            batch['pseudo_label'],
            weight=weight,
            avg_factor=num_valid,
            ignore_index=batch.get('ignore_index', 255),
        )
