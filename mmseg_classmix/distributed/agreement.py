"""What all processes of a run have in common: config, state, decisions."""

import os.path as osp
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import all_gather_object, broadcast, get_world_size
from torch import Tensor, nn

from mmseg_classmix.distributed.plain_config import flatten, plain

#: What processes may have of their own.
OF_A_RANK = ('work_dir', 'local_rank')
MISSING = 'missing'
TIMEOUT_KEY = 'env_cfg.dist_cfg.timeout'


def compare_config(cfg: Config) -> None:
    """Raise a ValueError on every process, if one has another config.

    Of an absolute path only the last part counts: hosts may keep things in
    different folders.
    """
    flat = {
        key: _portable(value)
        for key, value in flatten(plain(cfg.to_dict()))
        if key.split('.')[0] not in OF_A_RANK
    }
    found = difference(digest(flat.items()), lambda: flat)
    if found is None:
        return
    usual, odd, first, second = found
    key = next(k for k in {**first, **second} if first.get(k) != second.get(k))
    raise ValueError(
        'the processes do not have the same config: '
        f'{key} is {first.get(key, MISSING)} on {usual}, but '
        f'{second.get(key, MISSING)} on {odd}. Start every process with the '
        'same config and the same --cfg-options'
    )


@torch.no_grad()
def share_state(
    model: nn.Module, optimizer: torch.optim.Optimizer | None, iteration: int
) -> None:
    """Give all processes the state of rank 0: of model and optimizer.

    A ValueError on every process says that one has another iteration.
    """
    found = difference(str(iteration), lambda: iteration)
    if found is not None:
        usual, odd, first, second = found
        raise ValueError(
            'the processes do not start from the same state: '
            f'{usual} has iteration {first}, but {odd} {second}. Let all '
            'hosts see one work_dir when resuming'
        )
    tensors = list(model.state_dict().values())
    for group in optimizer.param_groups if optimizer else ():
        for parameter in group['params']:
            kept = optimizer.state.get(parameter, {})
            tensors += [kept[name] for name in sorted(kept)]
    for tensor in tensors:
        if isinstance(tensor, Tensor):
            broadcast(tensor)


def difference(own: str, detail: Callable[[], Any]) -> tuple | None:
    """Compare digests, and gather what they stand for if they differ.

    None if all agree, else: a rank with the most common digest, the ranks
    without it, the detail of the former and of the first latter.
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


def exchange_timeout(cfg: Config) -> timedelta | None:
    """Read how long an exchange between processes may take, if it is set."""
    env_cfg = cfg.get('env_cfg') or {}
    timeout = (env_cfg.get('dist_cfg') or {}).get('timeout')
    if timeout is None:
        return None
    number = isinstance(timeout, (int, float)) and timeout is not True
    if not (number and timeout > 0):
        raise ValueError(
            f'{TIMEOUT_KEY}={timeout!r} must be a positive number of seconds'
        )
    return timedelta(seconds=timeout)


class RankFlag:
    """A flag that any rank may raise and all ranks see at the same call.

    The exchange runs on the CPU, in a gloo group of its own, while the ranks
    compute: what is raised at one call is seen at the next. A single process
    sees it at once. All ranks make the same calls in the same order.
    ``env_cfg.dist_cfg.timeout`` limits an exchange.
    """

    def __init__(self, cfg: Config) -> None:
        self._group = None
        if get_world_size() > 1:
            # A new group does not take over the limit of the first.
            limit = exchange_timeout(cfg)
            self._group = dist.new_group(timeout=limit, backend='gloo')
        self._value = torch.zeros(1, dtype=torch.int64)
        self._work = None

    def seen(self, raised: bool) -> bool:
        """Say whether any rank raised the flag at its previous call."""
        if self._group is None:
            return raised
        seen = self.wait()
        self._value = torch.tensor([int(raised)])
        self._work = dist.all_reduce(
            self._value, dist.ReduceOp.MAX, self._group, async_op=True
        )
        return seen

    def wait(self) -> bool:
        """Finish the exchange of the previous call; also the last thing."""
        if self._work is None:
            return False
        self._work.wait()
        self._work = None
        return bool(self._value)

    def least(self, number: int) -> int:
        """Get the smallest number that a rank gives; also a barrier."""
        if self._group is None:
            return number
        value = torch.tensor([number])
        dist.all_reduce(value, dist.ReduceOp.MIN, self._group)
        return int(value)
