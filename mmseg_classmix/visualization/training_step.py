"""What the student has seen in one iteration, as pictures."""

import os.path as osp
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg_classmix.visualization.image_grid import Column
from mmseg_classmix.visualization.pixels import colorize, denormalize

#: Confidence of pixels above the threshold, RGB: green instead of gray.
CONFIDENT = (0, 160, 60)
# What may be in a batch beside the images, (N, H, W).
MAPS = ('mask', 'pseudo_label', 'confidence', 'hidden_label')


@torch.no_grad()
def take_snapshot(
    logits: Tensor, batch: dict, count: int, side: int
) -> dict[str, np.ndarray]:
    """Copy the first images of a mixed batch, made small on their device.

    Args:
        logits: Of the student, (N, C, H, W).
        batch: Mixed batch, see ``MeanTeacherSegmentor.pseudo_label``.
        count: Largest number n of images.
        side: Longer sides of at least twice as many pixels are subsampled.

    Returns:
        img: (n, h, w, 3) uint8 RGB; student, pseudo_label and, if there,
        hidden_label: (n, h, w) int64; mask: bool, if there; confidence:
        float32; ignore_index; and size, (H, W) of the batch.
    """
    size = tuple(batch['img'].shape[2:])
    step = max(max(size) // side, 1)
    part = (slice(count), slice(None, None, step), slice(None, None, step))
    seen = {k: batch[k][part].cpu().numpy() for k in MAPS if k in batch}
    student = logits[:count, :, ::step, ::step].argmax(1)
    img = F.adaptive_avg_pool2d(
        batch['img'][:count].float(), student.shape[1:]
    )
    return dict(
        seen,
        student=student.cpu().numpy(),
        img=denormalize(img, batch),
        ignore_index=batch.get('ignore_index', 255),
        size=size,
    )


def step_columns(
    seen: dict,
    data_batch: dict,
    palette: list,
    threshold: float | None,
    partners: str | None,
) -> list[Column]:
    """Arrange the pictures of one iteration.

    Args:
        seen: See :func:`take_snapshot`.
        data_batch: Batch of the loader: ``inputs``, a list of (3, H, W)
            BGR images in [0, 255], and ``data_samples``.
        palette: One RGB color in [0, 255] for each class.
        threshold: Confidence from which a pixel counts, if known.
        partners: 'ring' if the next image of this process is mixed in, and
            the first one into the last; 'line' if the partner of the last is
            in another process; 'labeled' if labeled images are pasted, M of
            them on N images: the floor(i M / N)-th on image i; None if
            partners are unknown or there are none.

    Returns:
        Columns with one row an image.
    """
    images, names = images_of(data_batch, seen['size'], labeled=False)
    count = len(seen['img'])
    columns = [Column('image', images[:count], names[:count], True)]
    if partners == 'labeled':
        others = images_of(data_batch, seen['size'], labeled=True)
        columns.append(_labeled_column(*others, len(images), count))
    elif partners is not None:
        columns.append(_partner_column(images, names, count, partners))
    if 'mask' in seen:
        mask = np.repeat(seen['mask'][..., None] * np.uint8(255), 3, -1)
        shown = 'labeled image' if partners == 'labeled' else 'image'
        columns.append(Column(f'mask (white: {shown})', mask))
    columns.append(Column('what the student saw', seen['img'], smooth=True))
    columns.append(
        _classes('pseudo-label of the mix', seen, 'pseudo_label', palette)
    )
    columns.append(_confidence_column(seen, threshold))
    columns.append(
        _classes('prediction of the student', seen, 'student', palette)
    )
    if 'hidden_label' in seen:
        column = _classes(
            'hidden masks of the mix', seen, 'hidden_label', palette
        )
        columns.append(column)
    return columns


def images_of(
    data_batch: dict, size: tuple[int, int], labeled: bool
) -> tuple[list[np.ndarray], list[str]]:
    """Take the images with or without masks out of a batch of the loader.

    Returns:
        (H, W, 3) uint8 RGB images, padded with white to ``size``, and the
        names of their files.
    """
    images, names = [], []
    for img, sample in zip(
        data_batch['inputs'], data_batch['data_samples'], strict=True
    ):
        if ('gt_sem_seg' in sample) != labeled:
            continue
        canvas = np.full((*size, 3), 255, np.uint8)
        pixels = img.flip(0).permute(1, 2, 0).clamp(0, 255)
        height, width = pixels.shape[:2]
        canvas[:height, :width] = pixels.cpu().numpy()
        images.append(canvas)
        names.append(_short(osp.basename(sample.get('img_path', ''))))
    return images, names


def _short(name: str, limit: int = 40) -> str:
    return name if len(name) <= limit else f'...{name[3 - limit :]}'


def _partner_column(
    images: list, names: list[str], count: int, partners: str
) -> Column:
    others = [*images[1:], images[0]], [*names[1:], names[0]]
    if partners == 'line':
        others[0][-1], others[1][-1] = None, 'in the next process'
    pictures, captions = (x[:count] for x in others)
    return Column('partner', pictures, captions, True)


def _labeled_column(
    images: list, names: list[str], total: int, count: int
) -> Column:
    rows = [i * len(images) // total for i in range(count)]
    pictures, captions = ([x[row] for row in rows] for x in (images, names))
    return Column('labeled image', pictures, captions, True)


def _classes(title: str, seen: dict, key: str, palette: list) -> Column:
    return Column(title, colorize(seen[key], palette, seen['ignore_index']))


def _confidence_column(seen: dict, threshold: float | None) -> Column:
    confidence = seen['confidence'].astype(np.float32)
    gray = np.repeat((confidence * 255).astype(np.uint8)[..., None], 3, -1)
    title = 'confidence (white: 1)'
    if threshold is None:
        return Column(title, gray)
    labeled = seen['pseudo_label'] != seen['ignore_index']
    sure = labeled & (confidence >= threshold)
    gray[sure] = CONFIDENT
    # As in the log, padding does not count.
    counts = zip(sure.sum((1, 2)), labeled.sum((1, 2)), strict=True)
    shares: Sequence[str] = [
        f'{s / max(n, 1):.0%} confident' for s, n in counts
    ]
    return Column(f'confidence (green: from {threshold:g})', gray, shares)
