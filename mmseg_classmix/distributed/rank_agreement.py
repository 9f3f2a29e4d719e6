"""Do all processes of a run train the same thing?"""

import os.path as osp
import socket
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from itertools import zip_longest
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather_object
from torch import nn

from mmseg_classmix.datasets.wrappers import leaves
from mmseg_classmix.distributed.config_text import flatten, plain

#: What processes may have of their own.
OF_A_RANK = ('work_dir', 'local_rank')
MISSING = 'missing'
#: A prime: no stride of a tensor is a multiple of it.
PERIOD = 251


def check_config(cfg: Config) -> None:
    """Compare the config over the processes.

    Of an absolute path only the last part counts: hosts may keep things in
    different folders.

    Args:
        cfg: Config of this process.

    Raises:
        ValueError: On every process, if one has another config; it names the
            rank and the first key that differs.
    """
    flat = {
        key: _portable(value)
        for key, value in flatten(plain(cfg.to_dict()))
        if key.split('.')[0] not in OF_A_RANK
    }
    difference = _difference(_digest(flat.items()), lambda: list(flat.items()))
    if difference is None:
        return
    usual, odd, first, second = difference
    first, second = dict(first), dict(second)
    key = next(k for k in {**first, **second} if first.get(k) != second.get(k))
    raise ValueError(
        'the processes do not have the same config: '
        f'{key} is {first.get(key, MISSING)} on {usual}, but '
        f'{second.get(key, MISSING)} on {odd}. Start every process with the '
        'same config and the same --cfg-options'
    )


def check_data(dataset: BaseDataset, place: str) -> None:
    """Compare the list of samples of every source over the processes.

    Args:
        dataset: A dataset, or a wrapper of datasets.
        place: Its config key, for the errors.

    Raises:
        ValueError: On every process, if one has other samples or another
            order; it names the rank, the source and the first sample that
            differs.
    """
    for key, source in leaves(place, dataset):
        if not hasattr(source, 'get_data_info'):
            continue
        stored = getattr(source, 'data_bytes', None)
        quick = stored is not None and len(stored) and _digest([stored])
        if quick and len(set(all_gather_object(quick))) == 1:
            continue
        names = _sample_names(source)
        difference = _difference(_digest(names), lambda n=names: n)
        if difference is None:
            continue
        usual, odd, *lists = difference
        pairs = zip_longest(*lists, fillvalue=MISSING)
        i, first, second = next(
            (i, a, b) for i, (a, b) in enumerate(pairs) if a != b
        )
        raise ValueError(
            f'the processes do not have the same data: sample {i} of {key} '
            f'({type(source).__name__}) is {first} on {usual}, but {second} '
            f'on {odd}. Give every process the same ann_file and the same '
            'files'
        )


def check_start(model: nn.Module, iteration: int) -> None:
    """Compare where the processes start, before the first iteration.

    Args:
        model: The model with the weights it starts from.
        iteration: The iteration it starts at.

    Raises:
        ValueError: On every process, if one has another iteration or weights.
    """
    for name, value in (
        ('iteration', iteration),
        ('weights with the checksum', _checksum(model)),
    ):
        difference = _difference(str(value), lambda v=value: v)
        if difference is None:
            continue
        usual, odd, first, second = difference
        raise ValueError(
            f'the processes do not start from the same state: {usual} has '
            f'{name} {first}, but {odd} {second}. Let all hosts see one '
            'work_dir when resuming, and one file of load_from'
        )


def _difference(digest: str, detail: Callable[[], Any]) -> tuple | None:
    """Compare digests, and gather what they stand for if they differ.

    Returns:
        None if all agree, else: a rank with the most common digest, the
        ranks without it, the detail of the former and of the first latter.
    """
    digests = all_gather_object(digest)
    if len(set(digests)) == 1:
        return None
    # Where two values are as common, that of the lower rank comes first.
    usual = digests.index(Counter(digests).most_common(1)[0][0])
    odd = [r for r, value in enumerate(digests) if value != digests[usual]]
    hosts = all_gather_object(socket.gethostname())
    details = all_gather_object(detail())
    others = ', '.join(f'rank {r} ({hosts[r]})' for r in odd)
    first = f'rank {usual} ({hosts[usual]})'
    return first, others, details[usual], details[odd[0]]


def _digest(items: Any) -> str:
    digest = blake2b(digest_size=16)
    for item in items:
        # Arrays are hashed as they are: there may be a million names.
        digest.update(
            item if hasattr(item, 'tobytes') else repr(item).encode()
        )
    return digest.hexdigest()


def _portable(value: Any) -> str:
    """Text of a plain value, without the folder of an absolute path."""
    if isinstance(value, list):
        return f'[{", ".join(map(_portable, value))}]'
    if isinstance(value, str) and osp.isabs(value):
        value = osp.basename(osp.normpath(value))
    return repr(value)


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
    return _digest(torch.stack(sums).tolist()) if sums else ''


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
