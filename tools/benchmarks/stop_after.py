"""End a training by tools/train.py after a few iterations, at once."""

import multiprocessing
import os
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class StopAfter(Hook):
    """Write the iteration to ``work_dir/stopped`` and end the process.

    Args:
        iterations: Iterations of this process.
    """

    # After the checkpoint of the iteration.
    priority = 'LOWEST'

    def __init__(self, iterations: int) -> None:
        self.remaining = iterations

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Stop after the last one."""
        self.remaining -= 1
        if self.remaining:
            return
        Path(runner.work_dir, 'stopped').write_text(str(runner.iter + 1))
        for worker in multiprocessing.active_children():
            worker.kill()
        os._exit(0)
