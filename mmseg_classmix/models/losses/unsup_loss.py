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
                - ground_truth, unlabeled: optional, of images that labeled
                  ones are pasted on, see :class:`BatchMix`: pixels with
                  ground truth weigh 1, the others what they would weigh in
                  the whole unlabeled image
                - hidden_label: (N, H, W) int64, optional: the true classes,
                  for the log alone

        Returns:
            The loss, and for the log the mean weight, the share of confident
            pixels and the mean confidence (scalars of this rank; padding not
            counted). The last two are those of the pseudo-labels. With
            ``hidden_label`` also their accuracy, see
            :func:`pseudo_label_accuracy`.
        """
        weight, valid, log = self._weigh(batch)
        num_valid = valid.sum().float()
        # Gradients are averaged over ranks: a common divisor makes the loss
        # the mean over the pixels of the global batch.
        all_reduce(num_valid, op='mean')
        loss = self.weighted_mean(
            logits, batch, weight, num_valid.clamp(min=1)
        )
        return {self.loss_name: self.loss_weight * loss, **log}

    def _weigh(self, batch: dict) -> tuple[Tensor, Tensor, dict]:
        """Weigh the pixels; tell which are valid, and what is logged."""
        ignore_index = batch.get('ignore_index', 255)
        teacher = batch.get('unlabeled', batch)
        # Under autocast 0.968 would become 0.96875.
        confidence = teacher['confidence'].float()
        valid = labeled = teacher['pseudo_label'] != ignore_index
        weight = self.unsup_weight(confidence, labeled)
        if 'ground_truth' in batch:
            weight = weight.masked_fill(batch['ground_truth'], 1)
            valid = batch['pseudo_label'] != ignore_index
        weight = weight * valid
        confident = (confidence >= self.unsup_weight.threshold) & labeled
        count = labeled.sum().clamp(min=1)
        log = dict(
            weight=weight.sum() / valid.sum().clamp(min=1),
            confident_share=confident.sum() / count,
            mean_confidence=(confidence * labeled).sum() / count,
            **pseudo_label_accuracy(teacher, ignore_index, labeled, confident),
        )
        return weight, valid, log
