"""How right pseudo-labels are, where the true classes are known."""

import torch
from torch import Tensor


@torch.no_grad()
def pseudo_label_accuracy(
    batch: dict, ignore_index: int, valid: Tensor, confident: Tensor
) -> dict[str, Tensor]:
    """Compare pseudo-labels with hidden masks; for the log alone.

    The accuracy of confident pixels is the quotient of two shares: a log has
    means over iterations, and most of the first ones have no such pixel.

    Args:
        batch: ``pseudo_label`` (N, H, W) int64 and, if masks are there,
            ``hidden_label`` of the same kind.
        ignore_index: Label of pixels without a class.
        valid: Pixels that are no padding, (N, H, W) bool.
        confident: Valid pixels above the threshold, (N, H, W) bool.

    Returns:
        Shares of the pixels whose class is known, in [0, 1]; 0 in a batch
        without any. Nothing without masks.

        - pseudo_label_acc: right ones
        - known_confident: confident ones
        - known_confident_right: confident ones that are right
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
