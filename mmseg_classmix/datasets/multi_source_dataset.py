"""Labeled and unlabeled datasets as one, with reproducible augmentation."""

from typing import Any

import torch
from mmengine.dataset import BaseDataset, ConcatDataset
from mmseg.registry import DATASETS

from mmseg_classmix.datasets.draw import Draw
from mmseg_classmix.utils.seeding import seeded


@DATASETS.register_module()
class MultiSourceDataset(ConcatDataset):
    """Concatenate datasets for :class:`MultiSourceSampler`.

    Beyond mmengine's ``ConcatDataset``: the random augmentation of a sample
    follows its draw, not the worker that loads it, so that a run can be
    resumed exactly and does not depend on ``num_workers``; the masks of
    labeled samples are checked; and an unlabeled dataset needs no classes.

    Args:
        datasets: Datasets or their configs; the first is a labeled one, whose
            classes count.
        lazy_init: Whether to load the lists of files later.

    Raises:
        ValueError: If ``datasets`` is empty, or (on loading a sample) a mask
            has a value outside the classes.
    """

    def __init__(
        self, datasets: list[BaseDataset | dict], lazy_init: bool = False
    ) -> None:
        if not datasets:
            raise ValueError(
                'train_dataloader.dataset.datasets is empty: give one labeled '
                'dataset and, for semi-supervised training, an unlabeled one'
            )
        built = [_build(i, d) for i, d in enumerate(datasets)]
        keys = {key for dataset in built for key in dataset.metainfo}
        super().__init__(built, lazy_init, ignore_keys=sorted(keys))

    def __getitem__(self, idx: int) -> dict:
        """Load a sample; a :class:`Draw` seeds its augmentation."""
        if not isinstance(idx, Draw):
            return self._checked(super().__getitem__(idx))
        with seeded('augment', *idx.key):
            return self._checked(super().__getitem__(idx))

    def _checked(self, sample: Any) -> Any:
        data_sample = sample.get('data_samples')
        if data_sample is None or 'gt_sem_seg' not in data_sample:
            return sample
        mask = data_sample.gt_sem_seg.data
        source = self.datasets[0]
        num_classes = len(source.metainfo['classes'])
        bad = (mask >= num_classes) & (mask != source.ignore_index)
        if bad.any():
            path = data_sample.metainfo.get('seg_map_path', 'a mask')
            raise ValueError(
                f'{path} has the values {torch.unique(mask[bad]).tolist()}, '
                f'but the dataset has {num_classes} classes: values must be '
                f'in [0, {num_classes - 1}] or {source.ignore_index} '
                '(ignored). Correct the mask, or the classes and '
                '`reduce_zero_label` of the dataset config'
            )
        return sample


def _build(index: int, dataset: BaseDataset | dict) -> BaseDataset:
    """Build a source; mmengine's own error does not say what is empty."""
    if not isinstance(dataset, dict):
        return dataset
    dataset = DATASETS.build(dict(dataset, lazy_init=True))
    try:
        dataset.full_init()
    except ValueError as error:
        if len(dataset.data_list):
            raise
        raise ValueError(no_images(index, dataset)) from error
    return dataset


def no_images(index: int, dataset: BaseDataset) -> str:
    """Say where a source without images was looked for.

    Args:
        index: Position in ``train_dataloader.dataset.datasets``.
        dataset: The empty source.

    Returns:
        Message of an error.
    """
    ann_file = getattr(dataset, 'ann_file', '')
    data_prefix = getattr(dataset, 'data_prefix', '')
    return (
        f'train_dataloader.dataset.datasets[{index}] '
        f'({type(dataset).__name__}) has no images: check '
        f'ann_file={ann_file!r}, data_prefix={data_prefix}, data_root and '
        'img_suffix'
    )
