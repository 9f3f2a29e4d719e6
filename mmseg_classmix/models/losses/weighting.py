"""The five weights of the unsupervised loss."""

import math

import torch
from mmengine.dist import all_reduce
from mmengine.logging import MessageHub
from torch import Tensor, nn

WEIGHTINGS = (
    'proportion_per_image',
    'proportion_per_batch',
    'threshold',
    'ramp_up',
    'constant',
)


class UnsupWeight(nn.Module):
    """Weight of every pixel in the unsupervised loss (paper, Table 3).

    - proportion_per_image: share of the pixels of the mixed image with a
      confidence of at least ``threshold`` (paper, section 3.3);
    - proportion_per_batch: the same share over the global batch (published
      code);
    - threshold: 1 where the confidence is at least ``threshold``, else 0;
    - ramp_up: exp(-5 (1 - t / T)^2) at iteration t < T, then 1;
    - constant: 1.

    Padded pixels are not counted. Where labeled images are pasted on
    unlabeled ones (``source='labeled'`` of a mix), the images meant above are
    the unlabeled ones before the mix, and :class:`UnsupLoss` gives weight 1
    to pasted pixels: with w(B) the weight in unlabeled image B, the weight of
    a pixel is m + (1 - m) w(B), m = 1 where the labeled image shows. With
    'proportion_per_batch' that is the published code of DACS.

    Args:
        weighting: One of the five names.
        threshold: Confidence threshold tau in [0, 1].
        ramp_up_iters: T, in iterations of the train loop.

    Raises:
        ValueError: If an argument is unknown or out of range.
    """

    def __init__(
        self, weighting: str, threshold: float, ramp_up_iters: int
    ) -> None:
        super().__init__()
        if weighting not in WEIGHTINGS:
            raise ValueError(
                f'model.unsup_loss.weighting={weighting!r} is unknown: use '
                f'one of {", ".join(WEIGHTINGS)}'
            )
        number = isinstance(threshold, (int, float))
        if not number or not 0 <= threshold <= 1:
            raise ValueError(
                f'model.unsup_loss.threshold={threshold!r} must be a number '
                'in [0, 1]'
            )
        if ramp_up_iters < 1:
            raise ValueError(
                f'model.unsup_loss.ramp_up_iters={ramp_up_iters} must be at '
                'least 1'
            )
        self.weighting = weighting
        self.threshold = threshold
        self.ramp_up_iters = ramp_up_iters

    def forward(self, confidence: Tensor, valid: Tensor) -> Tensor:
        """Weigh every pixel.

        Args:
            confidence: Highest probability of the teacher, (N, H, W) float32
                in [0, 1].
            valid: False on padding, (N, H, W) bool.

        Returns:
            (N, H, W) float32.
        """
        confident = ((confidence >= self.threshold) & valid).float()
        if self.weighting == 'threshold':
            return confident
        if self.weighting == 'proportion_per_image':
            count = valid.sum((1, 2), keepdim=True).clamp(min=1)
            weight = confident.sum((1, 2), keepdim=True) / count
        elif self.weighting == 'proportion_per_batch':
            totals = torch.stack([confident.sum(), valid.sum().float()])
            all_reduce(totals)
            weight = totals[0] / totals[1].clamp(min=1)
        elif self.weighting == 'ramp_up':
            weight = confident.new_full((), self.ramp_up_weight())
        else:
            weight = confident.new_ones(())
        return weight.expand_as(confident)

    def ramp_up_weight(self) -> float:
        """Weight of the current iteration of mmengine's train loop."""
        iteration = MessageHub.get_current_instance().get_info('iter', 0)
        remaining = max(0.0, 1 - iteration / self.ramp_up_iters)
        return math.exp(-5 * remaining**2)
