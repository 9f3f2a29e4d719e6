"""Unsupervised losses: what a pixel weighs, and what is compared."""

import math
from abc import ABC, abstractmethod

import torch
from mmengine.dist import all_reduce
from mmengine.logging import MessageHub
from mmseg.registry import MODELS
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
        """Weigh every pixel, (N, H, W) float32.

        ``confidence`` is the highest probability of the teacher, (N, H, W)
        float32 in [0, 1]; ``valid``, (N, H, W) bool, is False on padding.
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

        ``logits`` are (N, C, H, W); for ``batch`` see :meth:`forward`;
        ``weight``, (N, H, W) float32, is 0 on padding; ``num_valid`` is the
        number of pixels without padding, the mean over the ranks. Returns a
        scalar.
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
        num_valid = valid.sum().float()
        # Gradients are averaged over ranks: a common divisor makes the loss
        # the mean over the pixels of the global batch.
        all_reduce(num_valid, op='mean')
        num_valid = num_valid.clamp(min=1)
        loss = self.weighted_mean(logits, batch, weight, num_valid)
        confident = (confidence >= self.unsup_weight.threshold) & labeled
        count = labeled.sum().clamp(min=1)
        return {
            self.loss_name: self.loss_weight * loss,
            'weight': weight.sum() / valid.sum().clamp(min=1),
            'confident_share': confident.sum() / count,
            'mean_confidence': (confidence * labeled).sum() / count,
            **pseudo_label_accuracy(teacher, ignore_index, labeled, confident),
        }


@torch.no_grad()
def pseudo_label_accuracy(
    batch: dict, ignore_index: int, valid: Tensor, confident: Tensor
) -> dict[str, Tensor]:
    """Compare pseudo-labels with hidden masks; for the log alone.

    The accuracy of confident pixels is the quotient of two shares: a log has
    means over iterations, and most of the first ones have no such pixel.

    Args:
        batch: ``pseudo_label``, (N, H, W) int64; ``hidden_label``, optional.
        ignore_index: Label of pixels without a class.
        valid: Pixels that are no padding, (N, H, W) bool.
        confident: Valid pixels above the threshold, (N, H, W) bool.

    Returns:
        Shares of right, confident, confident and right pixels among those
        whose class is known, in [0, 1]; nothing without masks.
    """
    truth = batch.get('hidden_label')
    if truth is None:
        return {}
    known = valid & (truth != ignore_index)
    right = known & (truth == batch['pseudo_label'])
    count = known.sum().clamp(min=1)
    return dict(
        pseudo_label_acc=right.sum() / count,
        known_confident=(known & confident).sum() / count,
        known_confident_right=(right & confident).sum() / count,
    )


@MODELS.register_module()
class PseudoLabelLoss(UnsupLoss):
    """Weighted loss against the mixed argmax labels (paper, section 3.3).

    Args:
        loss_decode: Config of an mmseg loss that takes a weight for every
            pixel and an ``avg_factor``.
        weighting, threshold, ramp_up_iters, loss_weight: See
            :class:`UnsupLoss`.

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
        """Compute ``loss_decode`` with the labels."""
        return self.loss_decode(
            logits.float(),
            batch['pseudo_label'],
            weight=weight,
            avg_factor=num_valid,
            ignore_index=batch.get('ignore_index', 255),
        )


def _check_weighted(loss_decode: nn.Module) -> None:
    """Refuse a loss that ignores the weight of the pixels."""
    place = f'model.unsup_loss.loss_decode {type(loss_decode).__name__}'
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
            f'{place} does not take a weight for every pixel and an '
            'avg_factor: use CrossEntropyLoss'
        ) from error
    if loss.dim() or loss != 0 or 'loss' not in loss_decode.loss_name:
        raise ValueError(
            f'{place} (loss_name={loss_decode.loss_name!r}) gives '
            f"{loss.tolist()} where every weight is 0, or has no 'loss' in "
            'its name: it would not train as configured, use CrossEntropyLoss'
        )


@MODELS.register_module()
class SoftPseudoLabelLoss(UnsupLoss):
    """Weighted cross entropy against mixed probabilities (Table 3).

    The row "no pseudo-label" of the ablation; for the arguments see
    :class:`UnsupLoss`.
    """

    loss_name = 'loss_soft_ce'
    needs_prob = True

    def weighted_mean(
        self, logits: Tensor, batch: dict, weight: Tensor, num_valid: Tensor
    ) -> Tensor:
        """Compute the cross entropy of two distributions."""
        log_prob = logits.float().log_softmax(1)
        cross_entropy = -(batch['prob'] * log_prob).sum(1)
        return (cross_entropy * weight).sum() / num_valid


@MODELS.register_module()
class SquaredErrorLoss(UnsupLoss):
    """Weighted squared error between mixed probabilities (Table 3).

    Args:
        class_reduction: 'sum' over the classes (paper, section 4.3) or 'mean'
            (published code).
        weighting, threshold, ramp_up_iters, loss_weight: See
            :class:`UnsupLoss`.

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
        """Compare the student's probabilities with those of the teacher."""
        error = (logits.float().softmax(1) - batch['prob']) ** 2
        error = getattr(error, self.class_reduction)(1)
        return (error * weight).sum() / num_valid
