"""From the logits of a teacher to labels, without its probabilities."""

import torch
from torch import Tensor

from mmseg_classmix.models.segmentors.upsampling import upsampled_rows


@torch.no_grad()
def label_and_confidence(
    logits: Tensor, size: torch.Size, align_corners: bool
) -> tuple[Tensor, Tensor]:
    """Take argmax and maximum of the softmax of upsampled logits.

    A few rows of one image at a time: on the CPU they stay in its cache, and
    probabilities of a whole image are never in memory. Labels are those of
    ``upsample(...).argmax(1)``.

    Args:
        logits: (N, C, h, w) float32.
        size: (H, W).
        align_corners: How logits are upsampled.

    Returns:
        Label, (N, H, W) int64 in [0, C), the lowest where several classes
        are equal; confidence, (N, H, W) float32 in [1 / C, 1].
    """
    num_classes = logits.size(1)
    shape = (len(logits), *size)
    label = logits.new_empty(shape, dtype=torch.int64)
    confidence = logits.new_empty(shape)
    # The first of several equal classes weighs most.
    order = torch.arange(num_classes, 0, -1, device=logits.device)
    order = order.view(-1, 1, 1).to(logits.dtype)
    for i in range(len(logits)):
        for rows, x in upsampled_rows(logits[i], size, align_corners):
            highest = x.amax(0)
            # In place and as a float: results of type bool are slow.
            equal = torch.eq(x, highest, out=torch.empty_like(x))
            # No class is equal to what is not a number.
            first = equal.mul_(order).amax(0).clamp_(min=1)
            label[i, rows] = num_classes - first
            total = x.sub_(highest).exp_().sum(0)
            torch.reciprocal(total, out=confidence[i, rows])
    return label, confidence
