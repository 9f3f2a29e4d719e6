"""Files of the data: what is missing, damaged, or there twice."""

import logging
import os
import os.path as osp
from collections.abc import Callable, Iterator

from mmengine.dataset import BaseDataset
from mmengine.dist import get_dist_info
from mmengine.logging import print_log

from mmseg_classmix.datasets import UnlabeledDataset
from mmseg_classmix.datasets.checked_pipeline import FIND_ALL
from mmseg_classmix.datasets.sample_files import (
    FILES,
    all_steps,
    file_of,
    header_problem,
    is_remote,
    real_path,
)
from mmseg_classmix.datasets.wrappers import leaves
from mmseg_classmix.preflight.problem import Problem, Start, check


@check('datasets')
def files_are_there(start: Start) -> Iterator[Problem]:
    """Look at every file of labeled, validation and test data.

    Each process looks at its share. Of unlabeled images, of which there may
    be a million, listed names and hidden masks are looked for; what is in
    the files is seen when they are drawn first. Nothing is said of files
    that are not local.
    """
    for place, dataset in start.datasets:
        for key, leaf in leaves(place, dataset):
            listed = getattr(leaf, 'ann_file', '')
            unlabeled = isinstance(leaf, UnlabeledDataset)
            if unlabeled and not (listed or leaf.eval_pseudo_labels):
                continue
            bad = list(bad_files(leaf, headers=not unlabeled))
            bad += _twice(leaf)
            if bad:
                yield Problem(
                    f'{key} ({type(leaf).__name__}) has {len(bad)} bad '
                    f'{"entry" if len(bad) == 1 else "entries"}: '
                    f'{"; ".join(bad[:3])}',
                    key,
                    f'correct ann_file={listed!r}, data_prefix, the '
                    f'suffixes, or the files; {FIND_ALL}',
                )


def bad_files(leaf: BaseDataset, headers: bool) -> Iterator[str]:
    """Say what is wrong with the files that this process looks at.

    Args:
        leaf: A built dataset, no wrapper.
        headers: Whether to read the first bytes of each, too.

    Yields:
        Kind of file, path, and what is wrong.
    """
    steps = {
        file_of(step)[0]: step
        for step in all_steps(getattr(leaf, 'pipeline', None))
        if file_of(step)
    }
    # A transform of the user's reads it.
    steps.setdefault('img_path', None)
    steps = {k: s for k, s in steps.items() if not is_remote(leaf, k)}
    rank, count = get_dist_info()
    for i in range(rank, len(leaf), count):
        info = leaf.get_data_info(i)
        for key, step in steps.items():
            path = info.get(key)
            if path is None or '://' in str(path):
                continue
            if problem := _file_problem(step, path, headers):
                yield f'{FILES[key][0]} {path!r} {problem}'


def _file_problem(step: Callable | None, path: str, header: bool) -> str:
    try:
        if not os.stat(path).st_size:
            return 'is empty (0 bytes)'
        if step is None or not header:
            return ''
        with open(path, 'rb') as file:
            return header_problem(step, file)
    except FileNotFoundError:
        link = f' (a link to {os.readlink(path)})' if osp.islink(path) else ''
        return f'does not exist{link}'
    # Pillow raises errors of many types for what is no image.
    except Exception as error:
        return f'cannot be read: {type(error).__name__}: {error}'


def _twice(leaf: BaseDataset) -> Iterator[str]:
    folders, taken = {}, {}
    for i in range(len(leaf)):
        if path := leaf.get_data_info(i).get('img_path'):
            first = taken.setdefault(real_path(path, folders), path)
            if first is not path:
                also = '' if first == path else f', also as {first!r}'
                yield f'image {path!r} is taken twice{also}'


@check('sources')
def labeled_images_among_the_unlabeled(start: Start) -> Iterator[Problem]:
    """Legal, but the log says it."""
    _warn_of_common_images(
        start.sources[0],
        start.sources[1:],
        'they are trained with their masks and without. That is allowed; '
        'the paper keeps the two apart. tools/make_splits.py writes lists '
        'without common names',
    )
    return iter(())


@check('train')
def trained_images_among_the_evaluated(start: Start) -> Iterator[Problem]:
    """Legal, but the log says it."""
    for other in start.datasets[1:]:
        _warn_of_common_images(
            other,
            start.datasets[:1],
            'results on these will be too good. Take them out of ann_file of '
            'one of the two',
        )
    return iter(())


def _warn_of_common_images(
    first: tuple[str, BaseDataset],
    others: list[tuple[str, BaseDataset]],
    consequence: str,
) -> None:
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


def image_paths(dataset: BaseDataset) -> Iterator[str]:
    """List the paths of the images of a dataset, wrappers included."""
    for _, leaf in leaves('', dataset):
        for i in range(len(leaf)):
            if path := leaf.get_data_info(i).get('img_path'):
                yield path
