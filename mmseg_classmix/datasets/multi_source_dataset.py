"""Labeled and unlabeled datasets as one, with reproducible augmentation."""

import os.path as osp

from mmengine.dataset import BaseDataset
from mmengine.dataset import ConcatDataset as FullConcatDataset
from mmseg.registry import DATASETS, TRANSFORMS
from torch.utils.data import ConcatDataset

from mmseg_classmix.datasets.checked_pipeline import check_samples
from mmseg_classmix.datasets.draw import Draw
from mmseg_classmix.datasets.hidden_sources import agree_on_hidden_masks
from mmseg_classmix.datasets.image_dataset import ImageDataset
from mmseg_classmix.datasets.name_list import check_lines, check_list
from mmseg_classmix.datasets.source_check import (
    check_files,
    is_remote,
    warn_of_common_images,
)
from mmseg_classmix.mixing.seeding import seeded

PLACE = 'train_dataloader.dataset.datasets'


@DATASETS.register_module()
class MultiSourceDataset(ConcatDataset):
    """Concatenate sources for :class:`MultiSourceSampler`.

    Beyond torch's ``ConcatDataset``: the random augmentation of a sample
    follows its draw, not the worker that loads it, so that a run can be
    resumed exactly and does not depend on ``num_workers``; and files are
    checked, see ``check_files`` and ``CheckedPipeline``. Labeled
    images that are unlabeled ones too are legal; a warning says so. Hidden
    masks (``UnlabeledDataset.eval_pseudo_labels``) are read like those of the
    labeled source.

    Args:
        datasets: Datasets or their configs, wrappers included. The first is
            the labeled one, whose classes count.

    Raises:
        ValueError: If there is no source, one is empty or has missing, empty
            or repeated files, the first has no classes, or only some of the
            others have hidden masks; on loading a sample, if that fails or
            its mask does not fit.
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
        sources = [(f'{PLACE}[{i}]', d) for i, d in enumerate(self.datasets)]
        agree_on_hidden_masks(sources[0], sources[1:])
        for place, dataset in sources:
            check_files(place, dataset)
            check_samples(place, dataset, self.metainfo['classes'])
        warn_of_common_images(
            sources[0],
            sources[1:],
            'they are trained with their masks and without. That is allowed; '
            'the paper keeps the two apart. tools/make_splits.py writes lists '
            'without common names',
        )

    @property
    def metainfo(self) -> dict:
        """Classes and palette of the labeled source."""
        return self.datasets[0].metainfo

    def __getitem__(self, idx: int) -> dict:
        """Load a sample; a ``Draw`` seeds its augmentation."""
        if not isinstance(idx, Draw):
            return super().__getitem__(idx)
        with seeded('augment', *idx.key):
            return super().__getitem__(idx)


def build_source(place: str, dataset: BaseDataset | dict) -> BaseDataset:
    """Build a source; the errors of mmengine do not say what is empty.

    Args:
        place: Config key of the dataset, for the errors.
        dataset: A config, or a built dataset, which is returned.

    Returns:
        The dataset with its list of images.

    Raises:
        FileNotFoundError: If a folder or a list does not exist.
        ValueError: If there are no images, an argument or a transform is
            refused, or the list is no list of names.
    """
    if not isinstance(dataset, dict):
        return dataset
    if 'dataset' in dataset:
        inner = build_source(f'{place}.dataset', dataset['dataset'])
        _check_steps(place, dataset.get('pipeline', ()))
        return _wrap(place, dataset, inner)
    if 'datasets' in dataset:
        inner = [
            build_source(f'{place}.datasets[{i}]', part)
            for i, part in enumerate(dataset['datasets'])
        ]
        return _build(place, dict(dataset, datasets=inner))
    # Some datasets assert, without a word, on a list that does not exist.
    check_list(place, dataset)
    _check_steps(place, dataset.get('pipeline', ()))
    dataset = _build(place, dict(dataset, lazy_init=True))
    _check_folders(place, dataset)
    _check_names(place, dataset)
    unread = dataset.data_list
    try:
        dataset.full_init()
    except (FileNotFoundError, ValueError) as error:
        # An empty list has been read; mmengine fails to pack it.
        empty = dataset.data_list is not unread and not len(dataset.data_list)
        text = no_images(place, dataset) if empty else f'{place}: {error}'
        raise type(error)(text) from error
    return dataset


def _build(place: str, cfg: dict) -> BaseDataset:
    try:
        return DATASETS.build(cfg)
    # What constructors raise for arguments that they do not know.
    except (AssertionError, KeyError, TypeError) as error:
        raise ValueError(
            f'{place}=dict(type={cfg.get("type")!r}, ...) cannot be built: '
            f'{type(error).__name__}: {error}'
        ) from error


def _wrap(place: str, cfg: dict, inner: BaseDataset) -> BaseDataset:
    if cfg.get('type') != 'MultiImageMixDataset':
        return _build(place, dict(cfg, dataset=inner))
    # Of built datasets it takes concatenated ones only.
    wrapper = _build(place, dict(cfg, dataset=FullConcatDataset([inner])))
    wrapper.dataset = inner
    return wrapper


def _check_steps(place: str, pipeline: list) -> None:
    """Build the transforms one by one: an error says which one it is."""
    for i, step in enumerate(pipeline):
        try:
            TRANSFORMS.build(step) if isinstance(step, dict) else step
        except Exception as error:
            text = str(error) or 'it refuses its arguments'
            raise ValueError(
                f'{place}.pipeline[{i}]={dict(step)} cannot be built: '
                f'{type(error).__name__}: {text}'
            ) from error


def _check_names(place: str, dataset: BaseDataset) -> None:
    path = getattr(dataset, 'ann_file', '')
    plain = osp.isfile(path) and osp.splitext(path)[1] in ('', '.txt', '.lst')
    if plain and not isinstance(dataset, ImageDataset):
        check_lines(f'{place}.ann_file', path)


def _check_folders(place: str, dataset: BaseDataset) -> None:
    for key, folder in getattr(dataset, 'data_prefix', {}).items():
        if not folder or is_remote(dataset, key, folder):
            continue
        if not osp.isdir(folder):
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
