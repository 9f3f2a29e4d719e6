"""All processes train the same thing. Every function is called by all."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather_object

from mmseg_classmix.datasets.wrappers import leaves
from mmseg_classmix.distributed.agreement import (
    MISSING,
    difference,
    digest,
)
from mmseg_classmix.preflight.problem import Problem


def gather(problems: Sequence[Problem]) -> list[Problem]:
    """Collect the problems of all processes, the same list on each."""
    ranks = {}
    everywhere = all_gather_object(list(problems))
    for rank, found in enumerate(everywhere):
        for problem in found:
            ranks.setdefault(problem, []).append(rank)
    return [
        problem
        if len(where) == len(everywhere)
        else replace(
            problem,
            where=f'{problem.where}, on rank {", ".join(map(str, where))}',
        )
        for problem, where in ranks.items()
    ]


def compare_data(place: str, dataset: BaseDataset) -> Iterator[Problem]:
    """Compare the list of samples of every source over the processes.

    Args:
        place: Config key of the dataset.
        dataset: A dataset, or a wrapper of datasets.

    Yields:
        The first sample of a source that differs.
    """
    for key, source in leaves(place, dataset):
        if not hasattr(source, 'get_data_info'):
            continue
        stored = getattr(source, 'data_bytes', None)
        known = stored is not None and len(stored)
        quick = set(all_gather_object(digest([stored]) if known else None))
        if len(quick) == 1 and quick != {None}:
            continue
        names = _sample_names(source)
        found = difference(digest(names), lambda n=names: n)
        if found is None:
            continue
        usual, odd, *lists = found
        pairs = zip_longest(*lists, fillvalue=MISSING)
        i, first, second = next(
            (i, a, b) for i, (a, b) in enumerate(pairs) if a != b
        )
        yield Problem(
            f'the processes do not have the same data: sample {i} of {key} '
            f'({type(source).__name__}) is {first} on {usual}, but {second} '
            f'on {odd}',
            key,
            'give every process the same ann_file and the same files',
        )


def _sample_names(source: BaseDataset) -> list[tuple[str, ...]]:
    """Image and mask of every sample, below the folders of the source."""
    folders = getattr(source, 'data_prefix', None) or {}
    names = []
    for i in range(len(source)):
        info = source.get_data_info(i)
        names.append(
            tuple(
                _below(folders.get(kind), str(info[kind]))
                for kind in ('img_path', 'seg_map_path')
                if info.get(kind)
            )
        )
    return names


def _below(folder: str | None, path: str) -> str:
    if folder and path.startswith(folder):
        return path[len(folder) :].lstrip('/')
    return path
