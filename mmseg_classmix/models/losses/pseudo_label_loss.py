"""Cross entropy against pseudo-labels: the loss of ClassMix."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

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
        ValueError: If an argument is unknown or out of range, or
            ``loss_decode`` does not weigh its pixels.
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
        _check_weighted(self.loss_decode)
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


def _check_weighted(loss_decode: nn.Module) -> None:
    """Refuse a loss that ignores the weight of the pixels."""
    name = type(loss_decode).__name__
    num_classes = len(getattr(loss_decode, 'class_weight', None) or (0, 0))
    zeros = torch.zeros(1, 4, 4)
    try:
        loss = loss_decode(
            torch.zeros(1, num_classes, 4, 4),
            zeros.long(),
            weight=zeros,
            avg_factor=torch.ones(()),
            ignore_index=255,
        )
    except Exception as error:
        raise ValueError(
            f'model.unsup_loss.loss_decode {name} does not take a weight for '
            'every pixel and an avg_factor: use CrossEntropyLoss'
        ) from error
    if loss.dim() or loss != 0 or 'loss' not in loss_decode.loss_name:
        raise ValueError(
            f'model.unsup_loss.loss_decode {name} (loss_name='
            f'{loss_decode.loss_name!r}) gives {loss.tolist()} where every '
            "weight is 0, or has no 'loss' in its name: it would not train as "
            'configured, use CrossEntropyLoss'
        )
