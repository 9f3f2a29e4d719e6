"""Files that hold what ``Resize`` would make of an image and its mask."""

import copy
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile, Resize
from mmengine.dataset import BaseDataset
from mmseg.datasets.transforms import LoadAnnotations

from mmseg_classmix.datasets.checked_pipeline import CheckedPipeline
from mmseg_classmix.datasets.sample_files import is_remote

# What is loaded, and where its path is.
PATHS = {'img': 'img_path', 'gt_seg_map': 'seg_map_path'}


class ResizedFiles:
    """Write the resized image and mask of a sample as PNG files.

    They are read and resized by the transforms of the dataset itself, no
    wrapper, and what is written is read back by them. Masks keep their
    numbers. ``out_dir`` takes the place of ``data_root``.
    """

    def __init__(
        self, place: str, dataset: BaseDataset, out_dir: Path
    ) -> None:
        root = dataset.data_root
        if not root or is_remote(dataset, 'img_path', root):
            raise ValueError(
                f'{place}.data_root={root!r} must be a local folder: the '
                'names of the files below it are kept'
            )
        self.place, self.out_dir = place, out_dir
        self.root = Path(os.path.abspath(root))
        self.steps = steps_to_resize(place, dataset.pipeline.transforms)
        self.load = CheckedPipeline(self.steps, place)
        loads_masks = any(isinstance(s, LoadAnnotations) for s in self.steps)
        self.keys = tuple(PATHS)[: 1 + loads_masks]

    def target(self, path: str) -> Path:
        """Say where the resized version of a file is, a PNG."""
        source = Path(os.path.abspath(path))
        if not source.is_relative_to(self.root):
            raise ValueError(
                f'{path} is not below {self.place}.data_root={self.root}, '
                'under which names are kept: set data_root to a folder that '
                'has all of the data set in it'
            )
        target = self.out_dir / source.relative_to(self.root)
        is_png = target.suffix.lower() == '.png'
        return target if is_png else target.with_suffix('.png')

    def write(self, info: dict) -> int:
        """Write what is missing or outdated of a sample; how many files."""
        sources = {key: info[PATHS[key]] for key in self.keys}
        targets = {key: self.target(path) for key, path in sources.items()}
        if all(_is_whole(targets[key], sources[key]) for key in self.keys):
            return 0
        arrays = self._read(sources)
        drafts = {key: _draft(targets[key], arrays[key]) for key in self.keys}
        again = self._read(drafts)
        for key, draft in drafts.items():
            before, after = arrays[key], again[key]
            same = np.array_equal(before, after)
            if not same or before.dtype != after.dtype:
                raise ValueError(
                    f'{sources[key]} ({self.place}) cannot be replaced by a '
                    f'resized PNG: it is {before.shape} {before.dtype} after '
                    f'{self.steps}, its PNG {after.shape} {after.dtype}. Load '
                    'images with 8 bits, and resize to a scale that does '
                    'not depend on their size'
                )
            # The time of its source says that it is whole.
            status = os.stat(sources[key])
            os.utime(draft, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.replace(draft, targets[key])
        return len(drafts)

    def _read(self, paths: dict[str, str | Path]) -> dict[str, np.ndarray]:
        info = {PATHS[key]: str(path) for key, path in paths.items()}
        return self.load(
            dict(info, seg_fields=[], label_map=None, reduce_zero_label=False)
        )


def steps_to_resize(place: str, steps: list[Callable]) -> list[Callable]:
    """Copy the loaders and ``Resize``, if their result can be stored."""
    found = [i for i, step in enumerate(steps) if isinstance(step, Resize)]
    if len(found) != 1:
        names = ', '.join(type(step).__name__ for step in steps)
        raise ValueError(
            f'{place}.pipeline ({names}) has {len(found)} Resize, not one: '
            'there is no one size that its images can be stored in'
        )
    (last,) = found
    if steps[last].scale is None:
        raise ValueError(
            f'{place}.pipeline[{last}] {steps[last]} has no scale: give '
            'scale=(WIDTH, HEIGHT), because scale_factor would resize the '
            'resized files again'
        )
    for i, step in enumerate(steps[:last]):
        if type(step) not in (LoadImageFromFile, LoadAnnotations):
            raise ValueError(
                f'{place}.pipeline[{i}] {type(step).__name__} comes before '
                'Resize, and what it does to an image cannot be stored: '
                'move it behind Resize'
            )
    if any(isinstance(step, LoadAnnotations) for step in steps[last:]):
        raise ValueError(
            f'{place}.pipeline loads masks after Resize, so that they keep '
            'their size: move LoadAnnotations in front of Resize'
        )
    kept = [copy.copy(step) for step in steps[: last + 1]]
    for step in kept:
        if isinstance(step, LoadAnnotations):
            step.reduce_zero_label = None
    return kept


def _is_whole(target: Path, source: str) -> bool:
    """Whether a file was written from the source as it is now."""
    time = os.stat(source).st_mtime_ns
    return target.is_file() and target.stat().st_mtime_ns == time


def _draft(target: Path, array: np.ndarray) -> Path:
    """Write a PNG under a temporary name beside its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f'.{target.name}.tmp')
    # Given a level, cv2 writes files that take 1.5 x the time to read.
    done, data = cv2.imencode('.png', array)
    if not done:
        raise ValueError(
            f'cv2 writes no PNG of {array.shape} {array.dtype}: {target}'
        )
    draft.write_bytes(data)
    return draft
