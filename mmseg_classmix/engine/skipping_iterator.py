"""Resuming without a replay of the data, where mmengine replays it."""

from typing import Any

from mmengine.runner import IterBasedTrainLoop
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import DataLoader


class SkippingIterator(_InfiniteDataloaderIterator):
    """Iterate over a loader whose sampler has skipped the first batches.

    Those are None here, and cost nothing.
    """

    def __init__(self, dataloader: DataLoader, skipped: int) -> None:
        self._dataloader = dataloader
        self._iterator = None
        self._epoch = 0
        self._skipped = skipped

    def __next__(self) -> Any:
        """Get the next batch; None for one that is skipped."""
        if self._skipped:
            self._skipped -= 1
            return None
        if self._iterator is None:
            self._iterator = iter(self._dataloader)
        return super().__next__()


def start_data_at(loop: IterBasedTrainLoop, iteration: int) -> None:
    """Let a train loop start its data at an iteration, without loading more.

    Since 0.10.8 mmengine does that by itself; before, it calls ``next`` for
    every earlier iteration, which costs nothing then.
    """
    loader = loop.dataloader
    if (
        not hasattr(loop.dataloader_iterator, 'skip_iter')
        and hasattr(loader.sampler, 'skip')
        and loader.batch_size is not None
    ):
        loader.sampler.skip(iteration * loader.batch_size)
        _start_anew(loop, iteration)


def restart_workers(loop: IterBasedTrainLoop) -> None:
    """Let the workers of a train loop start with its first batch.

    mmengine before 0.10.8 has started them when it built the loop, before
    any hook could change the loader.
    """
    if loop.dataloader.num_workers and not hasattr(
        loop.dataloader_iterator, 'skip_iter'
    ):
        _start_anew(loop, 0)


def _start_anew(loop: IterBasedTrainLoop, skipped: int) -> None:
    # Persistent workers, too, have started with the first batches.
    loop.dataloader._iterator = None
    loop.dataloader_iterator = SkippingIterator(loop.dataloader, skipped)
