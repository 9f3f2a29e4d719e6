"""All processes train the same thing. Every function is called by all."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather_object
from torch import nn

from mmseg_classmix.datasets.wrappers import leaves
from mmseg_classmix.distributed.rank_agreement import (
    MISSING,
    difference,
    digest,
)
from mmseg_classmix.preflight.problem import Problem

#: A prime: no stride of a tensor is a multiple of it.
PERIOD = 251


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
        quick = stored is not None and len(stored) and digest([stored])
        if quick and len(set(all_gather_object(quick))) == 1:
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


def compare_start(model: nn.Module, iteration: int) -> Iterator[Problem]:
    """Compare where the processes start.

    Args:
        model: The model with the weights it starts from.
        iteration: The iteration it starts at.

    Yields:
        Another iteration, or other weights.
    """
    for name, value in (
        ('iteration', iteration),
        ('weights with the checksum', _checksum(model)),
    ):
        found = difference(str(value), lambda v=value: v)
        if found is not None:
            usual, odd, first, second = found
            yield Problem(
                'the processes do not start from the same state: '
                f'{usual} has {name} {first}, but {odd} {second}',
                'load_from, resume',
                'let all hosts see one work_dir when resuming, and one file '
                'of load_from',
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


@torch.no_grad()
def _checksum(model: nn.Module) -> str:
    """Hash the weights; sums of integers do not depend on the device."""
    sums = [
        _byte_sums(value)
        for value in model.state_dict().values()
        if isinstance(value, torch.Tensor) and value.numel()
    ]
    # One wait for the device.
    return digest(torch.stack(sums).tolist()) if sums else ''


def _byte_sums(value: torch.Tensor) -> torch.Tensor:
    """Sum bytes, plainly and by their position, so that swaps are seen.

    Args:
        value: Any tensor that is not empty.

    Returns:
        (2,) int64, on the device of ``value``.
    """
    data = value.reshape(-1).view(torch.uint8)
    whole = len(data) // PERIOD * PERIOD
    # Column by column: the bytes are never held as int64.
    columns = data[:whole].view(-1, PERIOD).sum(0, dtype=torch.int64)
    columns[: len(data) - whole] += data[whole:]
    places = torch.arange(1, PERIOD + 1, device=data.device)
    return torch.stack([columns.sum(), (columns * places).sum()])
