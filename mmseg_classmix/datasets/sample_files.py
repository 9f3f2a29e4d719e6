"""The files of one sample, read as training reads them."""

import hashlib
import os.path as osp
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

import numpy as np
from mmcv.transforms import LoadAnnotations as AnyLoadAnnotations
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio
from mmengine.dataset import BaseDataset
from mmseg.datasets.transforms import LoadAnnotations

from mmseg_classmix.datasets.hidden_masks import LoadHiddenMask
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
# Entry of a sample, what is there, and the transform that reads it.
FILES = {
    'img_path': ('image', LoadImageFromFile),
    'hidden_seg_map_path': ('hidden mask', LoadHiddenMask),
    'seg_map_path': ('mask', AnyLoadAnnotations),
}
#: Transforms whose files are looked at before they are decoded; a class of
#: the user's may read what only it knows.
KNOWN = (LoadImageFromFile, LoadAnnotations, LoadHiddenMask)


@dataclass
class FileReport:
    """What is known of one sample.

    ``digest`` is the SHA-256 of the image file, ``size`` (height, width) of
    the loaded image. ``pixels`` counts those of each class and, last, the
    ignored ones, (num_classes + 1,) int64; None if no mask can be used.
    ``problems`` has a sentence by kind, one of ``PROBLEMS``.
    """

    path: str
    digest: str = ''
    size: tuple[int, int] | None = None
    pixels: np.ndarray | None = None
    problems: dict[str, str] = field(default_factory=dict)


def all_steps(step: object) -> Iterator[object]:
    """List a transform, or a list of them, and all that are inside it."""
    yield step
    inner = step if isinstance(step, list) else []
    for name in ('transforms', 'subroutines'):
        inner = inner or getattr(step, name, None) or []
    for part in inner:
        yield from all_steps(part)


def file_of(step: Callable) -> tuple[str, str] | None:
    """Tell what a transform reads: the entry of a sample, and its name."""
    for key, (kind, loader) in FILES.items():
        if isinstance(step, loader):
            return key, kind
    return None


def is_remote(dataset: BaseDataset, key: str, path: str = '') -> bool:
    """Whether a file backend reads what the file system may not have.

    So it is with addresses (``s3://...``), and if the dataset, or the
    transform that reads ``key``, such as 'img_path', has ``backend_args``.
    """
    _, loader = FILES.get(key, ('', ()))
    return (
        '://' in path
        or bool(getattr(dataset, 'backend_args', None))
        or any(
            isinstance(step, loader) and getattr(step, 'backend_args', None)
            for step in all_steps(getattr(dataset, 'pipeline', None))
        )
    )


def real_path(path: str, folders: dict[str, str]) -> str:
    """Resolve links; of folders once, if the caller keeps ``folders``."""
    if osp.islink(path):
        return osp.realpath(path)
    folder, name = osp.split(path)
    if folder not in folders:
        folders[folder] = osp.realpath(folder)
    return osp.join(folders[folder], name)


def loaders(pipeline: Callable | None = None) -> list[Callable]:
    """Transforms of a pipeline that read the image and the mask.

    Where it reads no image, those are taken that mmseg's configs have.
    """
    found = [step for step in all_steps(pipeline) if file_of(step)]
    if any(isinstance(step, LoadImageFromFile) for step in found):
        return found
    return [LoadImageFromFile(), LoadAnnotations()]


def header_problem(step: Callable, file: BinaryIO) -> str:
    """Say why a transform would not read a file as it was saved, or ''.

    The sentence starts with the path, which is left out.
    """
    if type(step) not in KNOWN:
        return ''
    find = image_problem if type(step) is LoadImageFromFile else mask_problem
    return find(file, step.imdecode_backend)


def read_sample(
    info: dict,
    steps: Sequence[Callable],
    num_classes: int,
    ignore_index: int = 255,
) -> FileReport:
    """Read the image and the mask of a sample to the end.

    ``info`` is what ``get_data_info`` of a dataset returns, ``steps`` are the
    :func:`loaders` of its pipeline. Nothing is raised for a bad file.
    """
    report = FileReport(info['img_path'])
    data = dict(info, seg_fields=[])
    for step in steps:
        key, _ = file_of(step)
        if key in info:
            _read(report, step, info[key], data)
    report.size = data.get('ori_shape')
    for key in ('gt_seg_map', 'hidden_seg_map'):
        if key in data:
            path = info[f'{key.removeprefix("gt_")}_path']
            _check_mask(report, path, data[key], num_classes, ignore_index)
    return report


def _read(report: FileReport, step: Callable, path: str, data: dict) -> None:
    """Apply a transform that reads a file, after a look at the file."""
    is_image = isinstance(step, LoadImageFromFile)
    kind, backend = 'images' if is_image else 'masks', step.backend_args
    if not fileio.exists(path, backend_args=backend):
        report.problems[f'missing {kind}'] = f'no file {path!r}'
        return
    try:
        content = fileio.get(path, backend_args=backend)
        if is_image and content:
            report.digest = hashlib.sha256(content).hexdigest()
        if problem := header_problem(step, BytesIO(content)):
            values = content and not is_image
            name = 'wrong mask values' if values else f'unreadable {kind}'
            report.problems[name] = f'{path!r} {problem}'
        else:
            data.update(step(data))
    # Decoders raise errors of many types.
    except Exception as error:
        text = f'{path!r}: {type(error).__name__}: {error}'
        report.problems[f'unreadable {kind}'] = text


def _check_mask(
    report: FileReport,
    path: str,
    mask: np.ndarray,
    num_classes: int,
    ignore_index: int,
) -> None:
    problems = report.problems
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
