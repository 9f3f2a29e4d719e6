"""A data set from its config, with errors that say what to correct."""

import codecs
import os.path as osp
from pathlib import Path

from mmengine import fileio
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.utils import is_abs
from mmseg.registry import DATASETS, TRANSFORMS

from mmseg_classmix.datasets.image_dataset import (
    ImageDataset,
    no_list,
    read_names,
)
from mmseg_classmix.datasets.sample_files import is_remote


def build_source(place: str, dataset: BaseDataset | dict) -> BaseDataset:
    """Build a dataset from its config, unless it is built, with its list.

    The errors of mmengine do not say what is empty; these name ``place``.
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
    wrapper = _build(place, dict(cfg, dataset=ConcatDataset([inner])))
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


def check_list(place: str, cfg: dict) -> None:
    """Say of a list that does not exist how it is written."""
    ann_file = cfg.get('ann_file')
    if not isinstance(ann_file, str) or not ann_file:
        return
    if not is_abs(ann_file):
        ann_file = osp.join(cfg.get('data_root') or '', ann_file)
    if not fileio.exists(ann_file, backend_args=cfg.get('backend_args')):
        raise FileNotFoundError(no_list(f'{place}.ann_file', ann_file))


def _check_names(place: str, dataset: BaseDataset) -> None:
    """Refuse a list that mmseg's datasets would read other names from."""
    path = getattr(dataset, 'ann_file', '')
    plain = osp.isfile(path) and osp.splitext(path)[1] in ('', '.txt', '.lst')
    if not plain or isinstance(dataset, ImageDataset):
        return
    where = f'the list {path} ({place}.ann_file)'
    names = read_names(f'{place}.ann_file', path)
    if Path(path).read_bytes().startswith(codecs.BOM_UTF8):
        raise ValueError(
            f'{where} starts with a byte order mark, which mmseg takes for a '
            'part of the first name: save it as UTF-8 without BOM'
        )
    if '' in names:
        raise ValueError(
            f'{where} has a blank line, line {names.index("") + 1}, which '
            'mmseg takes for a name: delete it'
        )


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
    """Say where a source without images was looked for."""
    return (
        f'{place} ({type(dataset).__name__}) has no images: check ann_file='
        f'{getattr(dataset, "ann_file", "")!r}, data_prefix='
        f'{getattr(dataset, "data_prefix", "")}, data_root and img_suffix'
    )
