"""How right pseudo-labels are, where the true classes are known."""

import torch
from torch import Tensor


@torch.no_grad()
def pseudo_label_accuracy(
    batch: dict, ignore_index: int, valid: Tensor, confident: Tensor
) -> dict[str, Tensor]:
    """Compare pseudo-labels with hidden masks; for the log alone.

    Args:
        batch: ``pseudo_label`` (N, H, W) int64 and, if masks are there,
            ``hidden_label`` of the same kind.
        ignore_index: Label of pixels without a class.
        valid: Pixels that are no padding, (N, H, W) bool.
        confident: Valid pixels above the threshold, (N, H, W) bool.

    Returns:
        ``pseudo_label_acc``: share of right labels in the pixels whose class
        is known, in [0, 1]; ``confident_acc``: the same in the confident ones
        of them. 0 where there are no such pixels. Nothing without masks.
    """
    truth = batch.get('hidden_label')
    if truth is None:
        return {}
    known = valid & (truth != ignore_index)
    right = known & (truth == batch['pseudo_label'])
    sure = known & confident
    return dict(
        pseudo_label_acc=right.sum() / known.sum().clamp(min=1),
        confident_acc=(right & sure).sum() / sure.sum().clamp(min=1),
    )
