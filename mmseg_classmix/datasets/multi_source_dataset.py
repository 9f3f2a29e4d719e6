"""Labeled and unlabeled datasets as one, with reproducible augmentation."""

import os.path as osp

import torch
from mmengine.dataset import BaseDataset
from mmseg.registry import DATASETS
from torch.utils.data import ConcatDataset

from mmseg_classmix.datasets.draw import Draw
from mmseg_classmix.datasets.name_list import check_list
from mmseg_classmix.utils.seeding import seeded

PLACE = 'train_dataloader.dataset.datasets'


@DATASETS.register_module()
class MultiSourceDataset(ConcatDataset):
    """Concatenate sources for :class:`MultiSourceSampler`.

    Beyond torch's ``ConcatDataset``: the random augmentation of a sample
    follows its draw, not the worker that loads it, so that a run can be
    resumed exactly and does not depend on ``num_workers``; and the masks of
    labeled samples are checked.

    Args:
        datasets: Datasets or their configs, wrappers included. The first is
            the labeled one, whose classes count.

    Raises:
        ValueError: If there is no source, one is empty, or the first has no
            classes; on loading a sample, if its mask has a value outside the
            classes.
        FileNotFoundError: If a folder or the list of a source does not exist.
    """

    def __init__(self, datasets: list[BaseDataset | dict]) -> None:
        if not datasets:
            raise ValueError(
                f'{PLACE} is empty: give one labeled dataset and, for '
                'semi-supervised training, an unlabeled one'
            )
        super().__init__(
            [build_source(f'{PLACE}[{i}]', d) for i, d in enumerate(datasets)]
        )
        if not self.metainfo.get('classes'):
            raise ValueError(
                f'{PLACE}[0] ({type(self.datasets[0]).__name__}) has no '
                'classes: set metainfo=dict(classes=(...))'
            )

    @property
    def metainfo(self) -> dict:
        """Classes and palette of the labeled source."""
        return self.datasets[0].metainfo

    def __getitem__(self, idx: int) -> dict:
        """Load a sample; a :class:`Draw` seeds its augmentation."""
        if not isinstance(idx, Draw):
            return self._checked(super().__getitem__(idx))
        with seeded('augment', *idx.key):
            return self._checked(super().__getitem__(idx))

    def _checked(self, sample: dict) -> dict:
        data_sample = sample.get('data_samples')
        if data_sample is None or 'gt_sem_seg' not in data_sample:
            return sample
        mask = data_sample.gt_sem_seg.data
        num_classes = len(self.metainfo['classes'])
        ignore_index = getattr(self.datasets[0], 'ignore_index', 255)
        bad = (mask >= num_classes) & (mask != ignore_index)
        if bad.any():
            path = data_sample.metainfo.get('seg_map_path', 'a mask')
            raise ValueError(
                f'{path} has the values {torch.unique(mask[bad]).tolist()}, '
                f'but the dataset has {num_classes} classes: values must be '
                f'in [0, {num_classes - 1}] or {ignore_index} (ignored). '
                'Correct the mask, or the classes and `reduce_zero_label` of '
                'the dataset config'
            )
        return sample


def build_source(place: str, dataset: BaseDataset | dict) -> BaseDataset:
    """Build a source; the errors of mmengine do not say what is empty.

    Args:
        place: Config key of the dataset, for the errors.
        dataset: A config, or a built dataset, which is returned.

    Returns:
        The dataset with its list of images.

    Raises:
        FileNotFoundError: If a folder or a list does not exist.
        ValueError: If there are no images.
    """
    if not isinstance(dataset, dict):
        return dataset
    if 'dataset' in dataset or 'datasets' in dataset:
        return DATASETS.build(dataset)
    # Some datasets assert, without a word, on a list that does not exist.
    check_list(place, dataset)
    dataset = DATASETS.build(dict(dataset, lazy_init=True))
    _check_folders(place, dataset)
    try:
        dataset.full_init()
    except ValueError as error:
        if len(dataset.data_list):
            raise
        raise ValueError(no_images(place, dataset)) from error
    return dataset


def _check_folders(place: str, dataset: BaseDataset) -> None:
    if getattr(dataset, 'backend_args', None):
        return
    for key, folder in getattr(dataset, 'data_prefix', {}).items():
        if folder and not osp.isdir(folder):
            raise FileNotFoundError(
                f'no folder {folder}: check {place}.data_root and '
                f'data_prefix.{key} of {type(dataset).__name__}'
            )


def no_images(place: str, dataset: BaseDataset) -> str:
    """Say where a source without images was looked for.

    Args:
        place: Config key of the source.
        dataset: The empty source.

    Returns:
        Message of an error.
    """
    ann_file = getattr(dataset, 'ann_file', '')
    data_prefix = getattr(dataset, 'data_prefix', '')
    return (
        f'{place} ({type(dataset).__name__}) has no images: check '
        f'ann_file={ann_file!r}, data_prefix={data_prefix}, data_root and '
        'img_suffix'
    )
