"""Lists of image names that a dataset config asks for."""

import os.path as osp

from mmengine import fileio
from mmengine.utils import is_abs


def check_list(place: str, dataset_cfg: dict) -> None:
    """Raise an error that says how to write a list that does not exist.

    Args:
        place: Config key of the dataset.
        dataset_cfg: Config of one dataset, with or without ``ann_file``.

    Raises:
        FileNotFoundError: If ``ann_file`` is set and does not exist.
    """
    ann_file = dataset_cfg.get('ann_file')
    if not isinstance(ann_file, str) or not ann_file:
        return
    if dataset_cfg.get('data_root') and not is_abs(ann_file):
        ann_file = osp.join(dataset_cfg['data_root'], ann_file)
    backend_args = dataset_cfg.get('backend_args')
    if not fileio.exists(ann_file, backend_args=backend_args):
        raise FileNotFoundError(no_list(f'{place}.ann_file', ann_file))


def no_list(place: str, ann_file: str) -> str:
    """Say how to write a missing list.

    Args:
        place: Config key that names the list.
        ann_file: Path of the list.

    Returns:
        Message of an error.
    """
    folder = osp.normpath(osp.dirname(ann_file))
    return (
        f'no list of image names {osp.normpath(ann_file)} ({place}). Lists of '
        'labeled images need the data set itself: write them with `python '
        f'tools/make_splits.py configs/_base_/datasets/DATASET.py {folder} '
        '--counts NAME=NUMBER ...`; docs/datasets.md has this command, and '
        'the preparation, of each data set. Or correct ann_file'
    )
