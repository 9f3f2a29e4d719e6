"""Mixing masks: True where an image keeps its own pixels.

Pure functions on whole batches. ``shard = (rank, world_size)`` says which
part of the global batch the N images are: random numbers are drawn for the
whole global batch and sliced, so that with generators in the same state N
processes draw what one process draws.
"""

import math
from statistics import NormalDist

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

Shape = tuple[int, int, int]
Shard = tuple[int, int]


def _own_rows(values: Tensor, shard: Shard) -> Tensor:
    """Slice the rows of this rank from values of the global batch."""
    return values.chunk(shard[1])[shard[0]]


def class_mask(
    label: Tensor,
    num_classes: int,
    generator: torch.Generator | None = None,
    shard: Shard = (0, 1),
    round_up: bool = False,
) -> Tensor:
    """Mask half of the classes of every image (paper, algorithm 1).

    Of the n classes present in an image, floor(n / 2) are chosen uniformly
    without replacement. An image with one class gets an empty mask, unless
    the half is rounded up.

    Args:
        label: Class of every pixel, (N, H, W) of any integer type; values
            outside [0, num_classes) belong to no class and are never chosen.
        num_classes: Number of classes.
        generator: Random generator on the device of ``label``.
        shard: Rank and number of processes that share the batch.
        round_up: Whether ceil(n / 2) classes are chosen.

    Returns:
        (N, H, W) bool, True on the pixels of the chosen classes.
    """
    n = label.size(0)
    flat = label.flatten(1).long()
    # One more bin collects the pixels without a class.
    flat = flat.where((flat >= 0) & (flat < num_classes), num_classes)
    present = flat.new_zeros((n, num_classes + 1), dtype=torch.bool)
    present.scatter_(1, flat, True)
    present[:, num_classes] = False
    score = torch.rand(
        (n * shard[1], num_classes + 1),
        generator=generator,
        device=label.device,
    )
    score = _own_rows(score, shard).masked_fill(~present, 2.0)
    rank = score.argsort(1).argsort(1)
    count = present.sum(1, keepdim=True) + int(round_up)
    chosen = rank < count // 2
    return chosen.gather(1, flat).view_as(label)


def cut_mask(
    shape: Shape,
    area: float = 0.5,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    shard: Shard = (0, 1),
) -> Tensor:
    """Mask everything but one box of a given area (CutMix, Table 3).

    The width is uniform in {floor(area W), ..., W}, the height follows from
    the area, the position is uniform inside the image.

    Args:
        shape: (N, H, W).
        area: Share of the image that the box covers, in (0, 1].
        generator: Random generator on ``device``.
        device: Device of the mask.
        shard: Rank and number of processes that share the batch.

    Returns:
        (N, H, W) bool, False inside the box.

    Raises:
        ValueError: If ``area`` is outside (0, 1].
    """
    check_cut(area)
    n, height, width = shape
    total = n * shard[1]
    w = torch.randint(
        max(int(area * width), 1),
        width + 1,
        (total, 1),
        generator=generator,
        device=device,
    )
    h = (height * width * area / w).round().long().clamp(1, height)
    position = torch.rand((total, 2), generator=generator, device=device)
    # The minimum guards against float32 rounding up to the open end.
    top = (position[:, :1] * (height - h + 1)).long().minimum(height - h)
    left = (position[:, 1:] * (width - w + 1)).long().minimum(width - w)
    w, h, top, left = (_own_rows(v, shard) for v in (w, h, top, left))
    row = torch.arange(height, device=device)
    col = torch.arange(width, device=device)
    in_rows = (row >= top) & (row < top + h)
    in_cols = (col >= left) & (col < left + w)
    return ~(in_rows[:, :, None] & in_cols[:, None, :])


def cow_mask(
    shape: Shape,
    sigma: tuple[float, float] = (8.0, 32.0),
    p: float = 0.5,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    shard: Shard = (0, 1),
) -> Tensor:
    """Mask the high places of smoothed noise (CowMix, Table 3).

    Args:
        shape: (N, H, W).
        sigma: Range of the standard deviation of the Gaussian filter in
            pixels, drawn log-uniformly for every image.
        p: Quantile of the normal distribution above which a pixel is True.
        generator: Random generator on ``device``.
        device: Device of the mask.
        shard: Rank and number of processes that share the batch.

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: If ``sigma`` is no range above 1 or ``p`` is outside
            (0, 1).
    """
    check_cow(sigma, p)
    n, height, width = shape
    total = n * shard[1]
    low, high = math.log(sigma[0]), math.log(sigma[1])
    log_sigma = torch.rand(total, generator=generator, device=device)
    log_sigma = low + (high - low) * _own_rows(log_sigma, shard)
    noise = torch.randn(
        (total, height, width), generator=generator, device=device
    )
    smooth = gaussian_blur(_own_rows(noise, shard), log_sigma.exp())
    # Of the pixels there are: one pixel alone has no spread, not NaN.
    std, mean = torch.std_mean(smooth, dim=(1, 2), correction=0, keepdim=True)
    return smooth > mean + NormalDist().inv_cdf(p) * std


def check_cut(area: float) -> None:
    """Raise a ValueError if the area of a box is outside (0, 1]."""
    if not 0 < area <= 1:
        raise ValueError(
            f'CutMix area={area} (model.batch_transforms) must be in (0, 1]'
        )


def check_cow(sigma: tuple[float, float], p: float) -> None:
    """Raise a ValueError unless 1 <= sigma[0] <= sigma[1] and 0 < p < 1."""
    # Below 1 pixel a sampled and a continuous Gaussian differ.
    pair = isinstance(sigma, (tuple, list)) and len(sigma) == 2
    if not pair or not 1 <= sigma[0] <= sigma[1]:
        raise ValueError(
            f'CowMix sigma={sigma} (model.batch_transforms) must be two '
            'numbers, 1 <= minimum <= maximum'
        )
    if not 0 < p < 1:
        raise ValueError(
            f'CowMix p={p} (model.batch_transforms) must be in (0, 1)'
        )


def gaussian_blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Filter (N, H, W) float32 with a Gaussian of its own width an image.

    ``sigma`` is (N,) pixels; borders are mirrored (scipy's
    ``mode='reflect'``).
    """
    if image.device.type == 'cpu':
        pairs = zip(image.numpy(), sigma.tolist(), strict=True)
        return torch.stack(
            [torch.from_numpy(gaussian_filter(x, s)) for x, s in pairs]
        )
    return _gaussian_blur_fft(image, sigma)


def _gaussian_blur_fft(image: Tensor, sigma: Tensor) -> Tensor:
    """Blur a batch at once: mirrored, a Gaussian is a product in Fourier."""
    height, width = image.shape[1:]
    mirrored = torch.cat([image, image.flip(1)], 1)
    mirrored = torch.cat([mirrored, mirrored.flip(2)], 2)
    row = torch.fft.fftfreq(2 * height, device=image.device)
    col = torch.fft.rfftfreq(2 * width, device=image.device)
    squared = row[:, None] ** 2 + col[None, :] ** 2
    spread = (2 * math.pi**2) * sigma[:, None, None] ** 2
    spectrum = torch.fft.rfft2(mirrored) * torch.exp(-spread * squared)
    blurred = torch.fft.irfft2(spectrum, s=mirrored.shape[1:])
    return blurred[:, :height, :width]
