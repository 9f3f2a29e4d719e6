"""Tensors of a batch as pixels that can be looked at."""

import numpy as np
from torch import Tensor

#: Color of pixels without a class, RGB.
IGNORED = (255, 255, 255)


def denormalize(img: Tensor, batch: dict) -> np.ndarray:
    """Undo the normalization of the preprocessor.

    Args:
        img: (N, 3, H, W) float.
        batch: ``mean`` and ``std``, (3, 1, 1) or None, and
            ``channel_order``, 'bgr' or 'rgb', of the images; see
            ``MeanTeacherSegmentor.pseudo_label``.

    Returns:
        (N, H, W, 3) uint8, RGB.
    """
    if batch['std'] is not None:
        img = img * batch['std']
    if batch['mean'] is not None:
        img = img + batch['mean']
    if batch['channel_order'] == 'bgr':
        img = img.flip(1)
    img = img.clamp(0, 255).round().permute(0, 2, 3, 1)
    return img.cpu().numpy().astype(np.uint8)


def colorize(
    label: Tensor | np.ndarray, palette: list, ignore_index: int = 255
) -> np.ndarray:
    """Paint classes in the colors of their dataset.

    Args:
        label: (..., H, W) integers.
        palette: One RGB color in [0, 255] for each class.
        ignore_index: Label without a class, painted white.

    Returns:
        (..., H, W, 3) uint8, RGB.

    Raises:
        ValueError: If a label is no class and not ``ignore_index``.
    """
    label = label.cpu().numpy() if isinstance(label, Tensor) else label
    colors = np.array([*palette, IGNORED], np.uint8)
    number = len(palette)
    ignored = label == ignore_index
    bad = ~ignored & ((label < 0) | (label >= number))
    if bad.any():
        raise ValueError(
            f'cannot color the labels {np.unique(label[bad]).tolist()}: the '
            f'palette (metainfo of the dataset) has {number} classes, and '
            f'only {ignore_index} is ignored'
        )
    return colors[np.where(ignored, number, label)]


def gray(values: np.ndarray) -> np.ndarray:
    """Show masks or confidences, (..., H, W) in [0, 1]; white is 1.

    Returns:
        (..., H, W, 3) uint8.
    """
    return np.repeat((values * 255).astype(np.uint8)[..., None], 3, -1)
