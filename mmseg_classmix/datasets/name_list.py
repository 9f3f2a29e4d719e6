"""Lists of image names that a dataset config asks for."""

import codecs
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


def read_names(
    place: str, path: str, backend_args: dict | None = None
) -> list[str]:
    """Read a list of names, with line ends of any system.

    Args:
        place: Config key of the list, for the errors.
        path: Path of the list: UTF-8, with or without a byte order mark.
        backend_args: Arguments of the file backend.

    Returns:
        A name for each line, without white space around it; '' for a blank
        line.

    Raises:
        ValueError: If it is no UTF-8 text.
    """
    data = fileio.get(path, backend_args=backend_args)
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise ValueError(
            f'the list {path} ({place}) is no UTF-8 text: line {line} has '
            f'the byte {data[error.start]:#04x}. Save it as UTF-8, not as '
            'UTF-16 or Latin-1'
        ) from None
    # Only these end a line: a name may have other characters that Python
    # takes for line ends.
    lines = text.replace('\r\n', '\n').split('\n')
    return [line.strip() for line in lines[: -1 if not lines[-1] else None]]


def check_lines(place: str, path: str) -> None:
    """Refuse a list that mmseg's datasets would read other names from.

    Args:
        place: Config key of the list, for the errors.
        path: Path of a list that one of mmseg's datasets reads.

    Raises:
        ValueError: If it is no UTF-8 text, starts with a byte order mark, or
            has a blank line.
    """
    names = read_names(place, path)
    with open(path, 'rb') as file:
        marked = file.read(3) == codecs.BOM_UTF8
    if marked:
        raise ValueError(
            f'the list {path} ({place}) starts with a byte order mark, which '
            'mmseg takes for a part of the first name: save it as UTF-8 '
            'without BOM'
        )
    if '' in names:
        raise ValueError(
            f'the list {path} ({place}) has a blank line, line '
            f'{names.index("") + 1}, which mmseg takes for a name: delete it'
        )


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
