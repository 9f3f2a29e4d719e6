"""Bilinear upsampling of logits, whole or a few rows at a time."""

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

#: Numbers of a block of rows: 1 MiB of float32 fits the cache of a core.
BLOCK = 2**18


def upsample(logits: Tensor, size: torch.Size, align_corners: bool) -> Tensor:
    """Upsample logits (N, C, h, w) to (N, C, H, W), bilinearly."""
    return F.interpolate(
        logits, size, mode='bilinear', align_corners=align_corners
    )


def upsampled_rows(
    logits: Tensor, size: torch.Size, align_corners: bool
) -> Iterator[tuple[slice, Tensor]]:
    """Upsample the logits of one image, a few rows at a time.

    Args:
        logits: (C, h, w) float32.
        size: (H, W).
        align_corners: As for ``torch.nn.functional.interpolate``.

    Yields:
        Rows of the image, and their logits (C, rows, W), bit for bit those of
        :func:`upsample`; the caller may change them.
    """
    how = tuple(size), align_corners
    if logits.device.type == 'cpu' and _rows_are_exact(logits.shape, *how):
        yield from _by_rows(logits, *how)
    else:
        # A GPU would wait for the launch of many small kernels.
        yield slice(None), _whole(logits, *how)


def _by_rows(
    logits: Tensor, size: tuple, align_corners: bool
) -> Iterator[tuple[slice, Tensor]]:
    height, width = size
    wide = _whole(logits, (logits.size(1), width), align_corners)
    top, bottom, share = _neighbors(logits.size(1), height, align_corners)
    count = max(BLOCK // (len(logits) * width), 1)
    for start in range(0, height, count):
        rows = slice(start, start + count)
        # above * (1 - share) + below * share, rounded like torch's kernel.
        x = wide.index_select(1, bottom[rows]).mul_(share[rows])
        above = wide.index_select(1, top[rows])
        yield rows, x.addcmul_(above, 1 - share[rows])


def _whole(logits: Tensor, size: tuple, align_corners: bool) -> Tensor:
    return upsample(logits[None], size, align_corners)[0]


def _neighbors(
    small: int, large: int, align_corners: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows above and below every upsampled row, and the share of the latter.

    Returns:
        (H,) int64, (H,) int64, (H, 1) float32 in [0, 1].
    """
    place = torch.arange(large, dtype=torch.float32)
    if align_corners:
        place *= torch.tensor(small - 1.0) / max(large - 1, 1)
    else:
        scale = torch.tensor(float(small)) / large
        place = ((place + 0.5) * scale - 0.5).clamp_(min=0)
    top = place.long().clamp_(max=small - 1)
    bottom = (top + 1).clamp_(max=small - 1)
    return top, bottom, (place - top).clamp_(0, 1)[:, None]


@lru_cache
def _rows_are_exact(
    shape: tuple[int, int, int], size: tuple[int, int], align_corners: bool
) -> bool:
    """Try it: other processors and small images may be rounded otherwise."""
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(shape, generator=generator)
    full = _whole(sample, size, align_corners)
    return all(
        torch.equal(x, full[:, rows])
        for rows, x in _by_rows(sample, size, align_corners)
    )
