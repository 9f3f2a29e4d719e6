"""Checks of the files of datasets that need no decoding."""

import logging
import os
import os.path as osp
from collections.abc import Iterable, Iterator

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmseg_classmix.datasets.checked_pipeline import FIND_ALL
from mmseg_classmix.datasets.file_check import FILES, all_steps
from mmseg_classmix.datasets.unlabeled import UnlabeledDataset
from mmseg_classmix.datasets.wrappers import leaves


def check_files(place: str, dataset: BaseDataset) -> None:
    """Look for missing and empty files, and images that are taken twice.

    A folder of unlabeled images is not looked at, unless masks measure their
    pseudo-labels: it may have a million, and names found by listing exist.
    Nor are files that are not local, see :func:`is_remote`.

    Args:
        place: Config key of the dataset.
        dataset: A built dataset, wrappers included.

    Raises:
        ValueError: If a file is missing or empty, or an image occurs twice;
            all are counted and three are named.
    """
    for key, leaf in leaves(place, dataset):
        listed = getattr(leaf, 'ann_file', '')
        if isinstance(leaf, UnlabeledDataset) and not (
            listed or leaf.eval_pseudo_labels
        ):
            continue
        problems = list(_problems(leaf))
        if problems:
            raise ValueError(
                f'{key} ({type(leaf).__name__}) has {len(problems)} bad '
                f'{"entry" if len(problems) == 1 else "entries"}: '
                f'{"; ".join(problems[:3])}. Correct ann_file={listed!r}, '
                'data_prefix, the suffixes, or the files; '
                f'{FIND_ALL.replace("such", "bad")}'
            )


def _problems(leaf: BaseDataset) -> Iterator[str]:
    steps = list(all_steps(getattr(leaf, 'pipeline', None)))
    kinds = {
        key: kind
        for key, (kind, loader) in FILES.items()
        if key == 'img_path' or any(isinstance(s, loader) for s in steps)
    }
    elsewhere = {key for key in kinds if is_remote(leaf, key)}
    infos = (leaf.get_data_info(i) for i in range(len(leaf)))
    folders, taken = {}, {}
    for info in infos:
        for key, kind in kinds.items():
            path = info.get(key)
            if path is None or key in elsewhere or '://' in str(path):
                continue
            if problem := _file_problem(kind, path):
                yield problem
        if path := info.get('img_path'):
            first = taken.setdefault(real_path(path, folders), path)
            if first is not path:
                yield f'the image {path!r} is taken twice' + (
                    '' if first == path else f', also as {first!r}'
                )


def _file_problem(kind: str, path: str) -> str:
    try:
        size = os.stat(path).st_size
    except OSError:
        link = f' (a link to {os.readlink(path)})' if osp.islink(path) else ''
        return f'there is no {kind} {path!r}{link}'
    return '' if size else f'the {kind} {path!r} is empty (0 bytes)'


def is_remote(dataset: BaseDataset, key: str, path: str = '') -> bool:
    """Whether a file backend reads what the file system may not have.

    Args:
        dataset: A built dataset, no wrapper.
        key: Entry of its samples and of ``data_prefix``, such as 'img_path'.
        path: Path or address of a file or folder.

    Returns:
        True for an address (``s3://...``), and if the dataset, or the
        transform that reads this entry, has ``backend_args``.
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
    """Resolve links; folders only once.

    Args:
        path: Path of a file.
        folders: Resolved folders, kept by the caller.

    Returns:
        The path without links.
    """
    if osp.islink(path):
        return osp.realpath(path)
    folder, name = osp.split(path)
    if folder not in folders:
        folders[folder] = osp.realpath(folder)
    return osp.join(folders[folder], name)


def image_paths(dataset: BaseDataset) -> Iterator[str]:
    """List the paths of the images of a dataset, wrappers included."""
    for _, leaf in leaves('', dataset):
        for i in range(len(leaf)):
            if path := leaf.get_data_info(i).get('img_path'):
                yield path


def warn_of_common_images(
    first: tuple[str, BaseDataset],
    others: Iterable[tuple[str, BaseDataset]],
    consequence: str,
) -> None:
    """Say in the log that datasets share images.

    Args:
        first: Config key and dataset whose images are looked for.
        others: Config keys and datasets in which they are looked for.
        consequence: What follows from it, and the way out.
    """
    key, dataset = first
    folders = {}
    known = {real_path(path, folders) for path in image_paths(dataset)}
    for other, images in others:
        common = sorted(
            known.intersection(
                real_path(path, folders) for path in image_paths(images)
            )
        )
        if common:
            print_log(
                f'{len(common)} of the {len(known)} images of {key} are in '
                f'{other} too, such as {common[0]}: {consequence}',
                logger='current',
                level=logging.WARNING,
            )
