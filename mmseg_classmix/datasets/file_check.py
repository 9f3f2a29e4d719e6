"""Check of the image and the mask of one sample, file by file."""

import hashlib
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from mmengine import fileio
from mmseg.registry import TRANSFORMS
from PIL import Image

PROBLEMS = (
    'missing images',
    'unreadable images',
    'missing masks',
    'unreadable masks',
    'masks of another size',
    'wrong mask values',
)


@dataclass
class FileReport:
    """What is known of one sample.

    Attributes:
        path: Path of the image.
        digest: SHA-256 of the image file, or '' if it is missing.
        size: (height, width) of the image, or None.
        pixels: Pixels of each class and, last, of the ignored ones,
            (num_classes + 1,) int64, or None without a mask that can be used.
        problems: Kind of problem, one of ``PROBLEMS``, and a sentence.
    """

    path: str
    digest: str = ''
    size: tuple[int, int] | None = None
    pixels: np.ndarray | None = None
    problems: dict[str, str] = field(default_factory=dict)


def check_image(
    info: dict, num_classes: int, ignore_index: int = 255
) -> FileReport:
    """Read the image and the mask of a sample to the end.

    Pillow reads the image, because it refuses a truncated file, of which cv2
    makes an image that is gray at the end. The mask is what mmseg's
    ``LoadAnnotations`` makes of it.

    Args:
        info: What ``get_data_info`` of an mmseg dataset returns; without
            ``seg_map_path`` only the image is read.
        num_classes: Number of classes; masks have the values 0 to
            ``num_classes`` - 1 and ``ignore_index``.
        ignore_index: Value of ignored pixels.

    Returns:
        The findings; nothing is raised for a bad file.
    """
    report = FileReport(info['img_path'])
    _check_pixels(report)
    if 'seg_map_path' in info:
        _check_mask(report, info, num_classes, ignore_index)
    return report


def _decode(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image)


def _check_pixels(report: FileReport) -> None:
    path = report.path
    if not fileio.exists(path):
        report.problems['missing images'] = f'no file {path}'
        return
    try:
        data = fileio.get(path)
        report.digest = hashlib.sha256(data).hexdigest()
        report.size = _decode(data).shape[:2]
    # Decoders raise errors of many types.
    except Exception as error:
        report.problems['unreadable images'] = f'{path}: {error}'


def _check_mask(
    report: FileReport, info: dict, num_classes: int, ignore_index: int
) -> None:
    path = info['seg_map_path']
    if not fileio.exists(path):
        report.problems['missing masks'] = f'no file {path}'
        return
    try:
        stored = _decode(fileio.get(path))
        load = TRANSFORMS.build(dict(type='LoadAnnotations'))
        mask = load(dict(info, seg_fields=[]))['gt_seg_map']
    except Exception as error:
        report.problems['unreadable masks'] = f'{path}: {error}'
        return
    if stored.ndim != 2:
        report.problems['wrong mask values'] = (
            f'{path} is a color image: a mask has one number a pixel'
        )
        return
    if report.size and mask.shape != report.size:
        report.problems['masks of another size'] = (
            f'{path} has {mask.shape}, its image {report.size}'
        )
    # Loading keeps 8 bits: larger numbers would come back as other classes.
    beyond = np.unique(stored[(stored < 0) | (stored > 255)])
    counts = np.bincount(mask.ravel(), minlength=256)
    values = np.flatnonzero(counts)
    wrong = values[(values >= num_classes) & (values != ignore_index)]
    wrong = [*wrong.tolist(), *beyond.tolist()]
    if wrong:
        report.problems['wrong mask values'] = (
            f'{path} has {wrong[:10]}, allowed are 0 to {num_classes - 1} and '
            f'{ignore_index}'
        )
    report.pixels = np.append(counts[:num_classes], counts[ignore_index])
