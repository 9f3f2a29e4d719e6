"""What the student has seen in one iteration, as pictures."""

import os.path as osp

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg_classmix.visualization.image_grid import Column
from mmseg_classmix.visualization.pixels import colorize, denormalize, gray

# Confidence of pixels above the threshold, RGB: green instead of gray.
CONFIDENT = (0, 160, 60)
# What may be in a batch beside the images, (N, H, W).
MAPS = ('mask', 'pseudo_label', 'confidence', 'hidden_label')


@torch.no_grad()
def take_snapshot(
    logits: Tensor, batch: dict, count: int, side: int
) -> dict[str, np.ndarray]:
    """Copy the first images of a mixed batch, made small on their device.

    Sides of at least ``2 * side`` pixels are subsampled. The values are (n, h,
    w) but for ``img``, RGB pixels, ``ignore_index`` and ``size``, (H, W) of
    the batch.
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
    """Arrange the pictures of one iteration, one row an image.

    Args:
        seen: See :func:`take_snapshot`.
        data_batch: Batch of the loader, BGR images in [0, 255].
        palette: One RGB color in [0, 255] for each class.
        threshold: Confidence from which a pixel counts, if known.
        partners: 'ring' if the next image of this process is mixed in, and
            the first one into the last; 'line' if the partner of the last is
            in another process; 'labeled' if labeled images are pasted, M of
            them on N images: the floor(i M / N)-th on image i; None if
            partners are unknown or there are none.
    """
    images, names = images_of(data_batch, seen['size'], labeled=False)
    count = len(seen['img'])
    columns = [Column('image', images[:count], names[:count], True)]
    title, others = 'partner', (images, names)
    rows = [*range(1, len(images)), 0]
    if partners == 'labeled':
        title = 'labeled image'
        others = images_of(data_batch, seen['size'], labeled=True)
        rows = [i * len(others[0]) // len(images) for i in range(len(images))]
    if partners is not None:
        pictures, captions = ([x[row] for row in rows] for x in others)
        if partners == 'line':
            pictures[-1], captions[-1] = None, 'in the next process'
        columns.append(Column(title, pictures[:count], captions[:count], True))
    if 'mask' in seen:
        shown = 'labeled image' if partners == 'labeled' else 'image'
        columns.append(Column(f'mask (white: {shown})', gray(seen['mask'])))

    def paint(key: str) -> np.ndarray:
        return colorize(seen[key], palette, seen['ignore_index'])

    columns += [
        Column('what the student saw', seen['img'], smooth=True),
        Column('pseudo-label of the mix', paint('pseudo_label')),
        _confidence_column(seen, threshold),
        Column('prediction of the student', paint('student')),
    ]
    if 'hidden_label' in seen:
        columns += [Column('hidden masks of the mix', paint('hidden_label'))]
    return columns


def images_of(
    data_batch: dict, size: tuple[int, int], labeled: bool
) -> tuple[list[np.ndarray], list[str]]:
    """Take the images with or without masks out of a batch of the loader.

    They are (H, W, 3) uint8 RGB, padded with white to ``size``; with them come
    the names of their files.
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
        names.append(osp.basename(sample.get('img_path', '')))
    return images, names


def _confidence_column(seen: dict, threshold: float | None) -> Column:
    confidence = seen['confidence'].astype(np.float32)
    shown = gray(confidence)
    if threshold is None:
        return Column('confidence (white: 1)', shown)
    labeled = seen['pseudo_label'] != seen['ignore_index']
    sure = labeled & (confidence >= threshold)
    shown[sure] = CONFIDENT
    # As in the log, padding does not count.
    counts = zip(sure.sum((1, 2)), labeled.sum((1, 2)), strict=True)
    shares = [f'{s / max(n, 1):.0%} confident' for s, n in counts]
    return Column(f'confidence (green: from {threshold:g})', shown, shares)
