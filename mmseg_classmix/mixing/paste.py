"""Put two batches together by a mask."""

import torch
from torch import Tensor


def paste(
    mask: Tensor, x: Tensor, y: Tensor, out: Tensor | None = None
) -> Tensor:
    """Take x where the mask is True and y where it is False.

    Args:
        mask: (N, H, W) bool.
        x: (N, H, W) or (N, C, H, W); what is a float has to be finite.
        y: The same shape and dtype.
        out: Where to write, the same shape and dtype; new by default.

    Returns:
        ``out``.
    """
    out = torch.empty_like(x) if out is None else out
    keep = mask if x.dim() == 3 else mask[:, None]
    if x.is_floating_point():
        # Without a branch for every pixel, and exact for finite numbers.
        return torch.lerp(y, x, keep.to(x.dtype), out=out)
    return torch.where(keep, x, y, out=out)


def paste_ring(mask: Tensor, x: Tensor, last: Tensor) -> Tensor:
    """Take the next image of the batch where the mask is False.

    Args:
        mask: (N, H, W) bool.
        x: (N, H, W) or (N, C, H, W).
        last: Partner of the last image, (1, ..., H, W).

    Returns:
        The shape and dtype of ``x``.
    """
    out = torch.empty_like(x)
    paste(mask[:-1], x[:-1], x[1:], out[:-1])
    paste(mask[-1:], x[-1:], last.to(x.dtype), out[-1:])
    return out
