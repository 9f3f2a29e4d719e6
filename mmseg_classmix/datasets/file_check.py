"""Check of the image and the mask of one sample, file by file."""

import hashlib
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from mmengine import fileio
from mmseg.registry import TRANSFORMS
from PIL import Image, ImageOps

from mmseg_classmix.datasets.image_files import (
    image_problem,
    mask_problem,
    swapped,
)

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
        size: (height, width) of the image as it is loaded, or None.
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
    info: dict,
    num_classes: int,
    ignore_index: int = 255,
    backends: tuple[str, str] = ('cv2', 'pillow'),
) -> FileReport:
    """Read the image and the mask of a sample to the end.

    Pillow reads the image, because it refuses a truncated file, of which cv2
    before version 5 makes an image that is gray at the end. The mask is what
    mmseg's ``LoadAnnotations`` makes of it.

    Args:
        info: What ``get_data_info`` of an mmseg dataset returns; without
            ``seg_map_path`` only the image is read.
        num_classes: Number of classes; masks have the values 0 to
            ``num_classes`` - 1 and ``ignore_index``.
        ignore_index: Value of ignored pixels.
        backends: ``imdecode_backend`` of the transforms that load the image
            and the mask in training.

    Returns:
        The findings; nothing is raised for a bad file.
    """
    report = FileReport(info['img_path'])
    _check_pixels(report, backends[0])
    if 'seg_map_path' in info:
        _check_mask(report, info, num_classes, ignore_index, backends[1])
    return report


def _check_pixels(report: FileReport, backend: str) -> None:
    path, problems = report.path, report.problems
    if not fileio.exists(path):
        problems['missing images'] = f'no file {path!r}'
        return
    try:
        data = fileio.get(path)
        report.digest = hashlib.sha256(data).hexdigest()
        if problem := image_problem(BytesIO(data), backend):
            problems['unreadable images'] = f'{path!r} {problem}'
            return
        with Image.open(BytesIO(data)) as image:
            turned = ImageOps.exif_transpose(image)
        report.size = turned.size[::-1]
    # Decoders raise errors of many types.
    except Exception as error:
        problems['unreadable images'] = f'{path!r}: {_short(error)}'


def _check_mask(
    report: FileReport,
    info: dict,
    num_classes: int,
    ignore_index: int,
    backend: str,
) -> None:
    path, problems = info['seg_map_path'], report.problems
    if not fileio.exists(path):
        problems['missing masks'] = f'no file {path!r}'
        return
    try:
        data = fileio.get(path)
        problem = mask_problem(BytesIO(data), backend)
        if problem:
            kind = 'wrong mask values' if data else 'unreadable masks'
            problems[kind] = f'{path!r} {problem}'
            return
        load = TRANSFORMS.build(dict(type='LoadAnnotations'))
        mask = load(dict(info, seg_fields=[]))['gt_seg_map']
    except Exception as error:
        problems['unreadable masks'] = f'{path!r}: {_short(error)}'
        return
    if report.size and mask.shape != report.size:
        problems['masks of another size'] = (
            f'{path!r} has {mask.shape}, its image {report.size}'
            f'{swapped(mask.shape, report.size)}'
        )
    counts = np.bincount(mask.ravel(), minlength=256)
    values = np.flatnonzero(counts)
    wrong = values[(values >= num_classes) & (values != ignore_index)]
    if wrong.size:
        problems['wrong mask values'] = (
            f'{path!r} has {wrong[:10].tolist()}, allowed are 0 to '
            f'{num_classes - 1} and {ignore_index}'
        )
    report.pixels = np.append(counts[:num_classes], counts[ignore_index])


def _short(error: Exception) -> str:
    # Pillow names the buffer, not the file.
    text = str(error).split(' <_io.')[0]
    return f'{type(error).__name__}: {text}'
