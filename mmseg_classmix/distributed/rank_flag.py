"""One decision for all ranks, without waiting for a GPU."""

import torch
import torch.distributed as dist
from mmengine.config import Config

from mmseg_classmix.distributed.process_group import exchange_timeout


class RankFlag:
    """A flag that any rank may raise and all ranks see at the same call.

    The exchange runs on the CPU, in a gloo group of its own, while the ranks
    compute: what is raised at one call is seen at the next. A single process
    sees it at once. All ranks make the same calls in the same order.

    Args:
        cfg: Config whose ``env_cfg.dist_cfg.timeout`` limits an exchange.
    """

    def __init__(self, cfg: Config) -> None:
        several = dist.is_initialized() and dist.get_world_size() > 1
        self._group = None
        if several:
            # A new group does not take over the limit of the first.
            limit = exchange_timeout(cfg)
            self._group = dist.new_group(timeout=limit, backend='gloo')
        self._value = torch.zeros(1, dtype=torch.int64)
        self._work = None

    def seen(self, raised: bool) -> bool:
        """Say whether a rank raised the flag at its previous call.

        Args:
            raised: Whether this rank raises it now.

        Returns:
            The same on all ranks.
        """
        if self._group is None:
            return raised
        seen = self.wait()
        self._value = torch.tensor([int(raised)])
        self._work = dist.all_reduce(
            self._value, dist.ReduceOp.MAX, self._group, async_op=True
        )
        return seen

    def wait(self) -> bool:
        """Finish the exchange of the previous call; also the last thing.

        Returns:
            Whether a rank raised the flag.
        """
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
