"""What the unsupervised losses have in common."""

from abc import ABC, abstractmethod

from mmengine.dist import all_reduce
from torch import Tensor, nn

from mmseg_classmix.models.losses.pseudo_label_accuracy import (
    pseudo_label_accuracy,
)
from mmseg_classmix.models.losses.weighting import UnsupWeight


class UnsupLoss(nn.Module, ABC):
    """Weighted loss of the student on mixed images (paper, equation 1).

    Args:
        weighting: Name of the weighting, see :class:`UnsupWeight`.
        threshold: Confidence threshold in [0, 1].
        ramp_up_iters: Length of the sigmoid ramp-up in iterations.
        loss_weight: Factor of the loss, at least 0.

    Raises:
        ValueError: If an argument is unknown or out of range.
    """

    #: Name of the loss in the log; mmengine sums names that contain 'loss'.
    loss_name: str
    #: Whether the loss needs the soft probabilities of the teacher.
    needs_prob = False

    def __init__(
        self,
        weighting: str = 'proportion_per_image',
        threshold: float = 0.968,
        ramp_up_iters: int = 10000,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if loss_weight < 0:
            raise ValueError(
                f'model.unsup_loss.loss_weight={loss_weight} is negative'
            )
        self.unsup_weight = UnsupWeight(weighting, threshold, ramp_up_iters)
        self.loss_weight = loss_weight

    @abstractmethod
    def weighted_mean(
        self, logits: Tensor, batch: dict, weight: Tensor, num_valid: Tensor
    ) -> Tensor:
        """Sum the weighted loss of the pixels and divide it by num_valid.

        Args:
            logits: (N, C, H, W).
            batch: See :meth:`forward`.
            weight: (N, H, W) float32, 0 on padding.
            num_valid: Number of pixels, padding not counted; the mean over
                the ranks.

        Returns:
            Scalar.
        """

    def forward(self, logits: Tensor, batch: dict) -> dict[str, Tensor]:
        """Compute the loss of the student on the mixed images.

        Args:
            logits: Logits of the student, (N, C, H, W).
            batch: Dict with

                - pseudo_label: (N, H, W) int64, ``ignore_index`` on padding
                - confidence: (N, H, W) float32 in [0, 1]
                - prob: (N, C, H, W) float32, where ``needs_prob``
                - ignore_index: int, 255 by default
                - hidden_label: (N, H, W) int64, optional: the true classes,
                  for the log alone

        Returns:
            The loss, and for the log the mean weight, the share of confident
            pixels and the mean confidence (scalars of this rank; padding not
            counted). With ``hidden_label`` also the accuracy of the
            pseudo-labels, see :func:`pseudo_label_accuracy`.
        """
        # Under autocast 0.968 would become 0.96875.
        confidence = batch['confidence'].float()
        valid = batch['pseudo_label'] != batch.get('ignore_index', 255)
        weight = self.unsup_weight(confidence, valid) * valid
        num_valid = valid.sum().float()
        local = num_valid.clamp(min=1)
        confident = (confidence >= self.unsup_weight.threshold) & valid
        log = dict(
            weight=weight.sum() / local,
            confident_share=confident.sum() / local,
            mean_confidence=(confidence * valid).sum() / local,
            **pseudo_label_accuracy(batch, valid, confident),
        )
        # Gradients are averaged over ranks: a common divisor makes the loss
        # the mean over the pixels of the global batch.
        all_reduce(num_valid, op='mean')
        loss = self.weighted_mean(
            logits, batch, weight, num_valid.clamp(min=1)
        )
        return {self.loss_name: self.loss_weight * loss, **log}
