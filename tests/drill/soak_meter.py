"""What a run uses over time: memory, open files, threads, seconds.

Read from /proc (Linux), for this process and its worker processes.
"""

import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

MIB = 2**20
PAGE = os.sysconf('SC_PAGE_SIZE')
# Reading takes some tenths of a millisecond.
READ_EVERY = 10


@dataclass(frozen=True)
class Usage:
    """What the processes use at one moment.

    Args:
        iteration: Number of iterations that were measured before.
        memory: Resident memory of the main process in bytes.
        worker_memory: That of its workers together.
        files: Open files of all processes.
        threads: Threads of all processes.
    """

    iteration: int
    memory: int
    worker_memory: int
    files: int
    threads: int


@dataclass(frozen=True)
class Row:
    """One quantity at both ends of a run.

    Args:
        name: Quantity and unit.
        first: Over the first iterations.
        last: Over the last iterations.
        is_time: Whether other jobs on the machine move it.
    """

    name: str
    first: float
    last: float
    is_time: bool = False

    @property
    def change(self) -> float:
        """Relative change from the first to the last iterations."""
        if self.first == self.last:
            return 0.0
        return self.last / self.first - 1 if self.first else float('inf')


@HOOKS.register_module()
class SoakMeter(Hook):
    """Measure every iteration of training, or of validation.

    Args:
        mode: 'train' or 'val'.
    """

    priority = 'LOWEST'

    def __init__(self, mode: str = 'train') -> None:
        self.mode = mode
        self.seconds: list[float] = []
        self.usages: list[Usage] = []
        self._started: float | None = None

    def _after_iter(
        self, runner, batch_idx, data_batch=None, outputs=None, mode='train'
    ) -> None:
        """Measure, if the iteration is of the mode."""
        if mode != self.mode:
            return
        if self._started is not None:
            self.seconds.append(time.perf_counter() - self._started)
            if len(self.seconds) % READ_EVERY == 0:
                self.usages.append(read_usage(len(self.seconds)))
        # The reading itself does not count.
        self._started = time.perf_counter()

    def rows(self, window: int) -> list[Row]:
        """Compare both ends of the run.

        Args:
            window: Number of iterations at either end, at least 20.

        Returns:
            A row for every quantity.
        """
        start = len(self.seconds) - window
        first = [usage for usage in self.usages if usage.iteration <= window]
        last = [usage for usage in self.usages if usage.iteration > start]
        values = {
            'resident memory, process (MiB)': lambda u: u.memory / MIB,
            'resident memory, workers (MiB)': lambda u: u.worker_memory / MIB,
            'open files': lambda u: u.files,
            'threads': lambda u: u.threads,
        }
        rows = [
            Row(name, *(median(map(value, part)) for part in (first, last)))
            for name, value in values.items()
        ]
        # Other jobs on the machine make iterations slower, never faster.
        wall = [
            1000 * float(np.percentile(part, 10))
            for part in (self.seconds[:window], self.seconds[-window:])
        ]
        return [*rows, Row('iteration, fastest tenth (ms)', *wall, True)]


def read_usage(iteration: int = 0) -> Usage:
    """Read what this process and its workers use now.

    Args:
        iteration: To keep with the numbers.

    Returns:
        The numbers.
    """
    workers = [child.pid for child in multiprocessing.active_children()]
    folders = [Path('/proc', str(pid)) for pid in (os.getpid(), *workers)]
    memory = [_resident(folder) for folder in folders]
    return Usage(
        iteration=iteration,
        memory=memory[0],
        worker_memory=sum(memory[1:]),
        files=sum(len(os.listdir(folder / 'fd')) for folder in folders),
        threads=sum(len(os.listdir(folder / 'task')) for folder in folders),
    )


def _resident(folder: Path) -> int:
    return int((folder / 'statm').read_text().split()[1]) * PAGE
