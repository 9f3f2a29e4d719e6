"""Do all processes of a run have the same config?"""

import os.path as osp
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

from mmengine.config import Config
from mmengine.dist import all_gather_object

from mmseg_classmix.distributed.config_text import flatten, plain

#: What processes may have of their own.
OF_A_RANK = ('work_dir', 'local_rank')
MISSING = 'missing'


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
    found = difference(digest(flat.items()), lambda: list(flat.items()))
    if found is None:
        return
    usual, odd, first, second = found
    first, second = dict(first), dict(second)
    key = next(k for k in {**first, **second} if first.get(k) != second.get(k))
    raise ValueError(
        'the processes do not have the same config: '
        f'{key} is {first.get(key, MISSING)} on {usual}, but '
        f'{second.get(key, MISSING)} on {odd}. Start every process with the '
        'same config and the same --cfg-options'
    )


def difference(own: str, detail: Callable[[], Any]) -> tuple | None:
    """Compare digests, and gather what they stand for if they differ.

    Returns:
        None if all agree, else: a rank with the most common digest, the
        ranks without it, the detail of the former and of the first latter.
    """
    digests = all_gather_object(own)
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


def digest(items: Iterable) -> str:
    """Hash arrays as they are, there may be a million names, and texts."""
    total = blake2b(digest_size=16)
    for item in items:
        total.update(item if hasattr(item, 'tobytes') else repr(item).encode())
    return total.hexdigest()


def _portable(value: Any) -> str:
    """Text of a plain value, without the folder of an absolute path."""
    if isinstance(value, list):
        return f'[{", ".join(map(_portable, value))}]'
    if isinstance(value, str) and osp.isabs(value):
        value = osp.basename(osp.normpath(value))
    return repr(value)
