"""A pipeline whose errors name the file and the place in the config."""

import os.path as osp
from collections.abc import Callable, Sequence

import numpy as np
import torch
from mmengine.dataset import BaseDataset, Compose

from mmseg_classmix.datasets.image_files import swapped
from mmseg_classmix.datasets.sample_files import file_of, header_problem
from mmseg_classmix.datasets.wrappers import leaves

FIND_ALL = (
    'tools/dataset_converters/check_dataset.py CONFIG finds all such files'
)
REPLACE = f'Replace the file or take it out of the data set; {FIND_ALL}'


class CheckedPipeline(Compose):
    """Apply transforms; nothing about a bad file stays silent or nameless.

    Decoders return None, raise errors without a file name, or make something
    of a damaged file. What is checked: the files before they are decoded,
    that mask and image have one size, and that the values of the mask are
    classes, unless ``num_classes`` is None.
    """

    def __init__(
        self,
        transforms: list[Callable],
        place: str,
        num_classes: int | None = None,
        ignore_index: int = 255,
    ) -> None:
        super().__init__(transforms)
        self.place = place
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        #: Whether files are looked at before they are decoded.
        self.look_at_files = True

    def __call__(self, data: dict) -> dict | None:
        """Apply the transforms to what ``get_data_info`` returns."""
        image = data.get('img_path')
        mask = data.get('seg_map_path') or data.get('hidden_seg_map_path')
        for i, step in enumerate(self.transforms):
            no_mask = not _masks(data)
            _, kind = file_of(step) or ('', '')
            path = image if kind == 'image' else mask
            problem = ''
            try:
                if kind and self.look_at_files and _is_local(path, step):
                    with open(path, 'rb') as file:
                        problem = header_problem(step, file)
                data = data if problem else step(data)
            except Exception as error:
                name, what = type(step).__name__, type(error).__name__
                raise ValueError(
                    f'the {kind} {path} ({self.place}) cannot be read by '
                    f'{name}: {what}: {error}. {REPLACE}'
                    if kind
                    else f'{self.place}.pipeline[{i}] {name} fails on '
                    f'{image}: {what}: {error}. Correct this transform, or '
                    'the ones before it'
                ) from error
            if problem:
                raise ValueError(
                    f'the {kind} {path} ({self.place}) {problem}. {REPLACE}'
                )
            if data is None:
                return None
            if no_mask and _masks(data):
                self._check_size(data, image, mask)
        self._check_values(data, mask)
        return data

    def _check_size(
        self, data: dict, image: str | None, mask: str | None
    ) -> None:
        found, needed = _masks(data)[0].shape, data.get('ori_shape')
        if needed is not None and tuple(found) != tuple(needed):
            raise ValueError(
                f'the mask {mask} ({self.place}) has the size {found}, but '
                f'its image {image} has {tuple(needed)} (height, width)'
                f'{swapped(found, tuple(needed))}. {REPLACE}'
            )

    def _check_values(self, data: dict, path: str | None) -> None:
        sample = data.get('data_samples')
        names = ('gt_sem_seg', 'hidden_sem_seg')
        # Test-time augmentation returns a list.
        packed = [sample.get(n).data for n in names if n in (sample or ())]
        # A wrapper, such as MultiImageMixDataset, packs it.
        if not packed and 'gt_seg_map' in data:
            packed = [torch.from_numpy(data['gt_seg_map'])]
        if self.num_classes is None or not packed:
            return
        mask = packed[0]
        bad = (mask >= self.num_classes) & (mask != self.ignore_index)
        if bad.any():
            values = torch.unique(mask[bad]).tolist()
            raise ValueError(
                f'{path} has the values {values}, but the dataset '
                f'{self.place} has {self.num_classes} classes: values must '
                f'be in [0, {self.num_classes - 1}] or {self.ignore_index} '
                '(ignored). Correct the mask, or the classes and '
                '`reduce_zero_label` of the dataset config'
            )


def _masks(data: dict) -> list[np.ndarray]:
    return [data[k] for k in ('gt_seg_map', 'hidden_seg_map') if k in data]


def _is_local(path: str | None, step: Callable) -> bool:
    remote = getattr(step, 'backend_args', None)
    return path is not None and not remote and osp.isfile(path)


def check_samples(
    place: str,
    dataset: BaseDataset,
    classes: Sequence[str] | None = None,
    look_at_files: bool = True,
) -> list[CheckedPipeline]:
    """Let the pipelines of a dataset, changed in place, check what they read.

    ``classes`` are those of a dataset that names none; to look at files before
    decoding is enough once in a run. Returns the pipelines that check.
    """
    checked = []
    for key, leaf in leaves(place, dataset):
        pipeline = getattr(leaf, 'pipeline', None)
        # A subclass has its own way to apply them, or checks already.
        if type(pipeline) is Compose:
            names = leaf.metainfo.get('classes') or classes
            leaf.pipeline = CheckedPipeline(
                pipeline.transforms,
                key,
                len(names) if names else None,
                getattr(leaf, 'ignore_index', 255),
            )
            leaf.pipeline.look_at_files = look_at_files
            checked.append(leaf.pipeline)
    return checked
