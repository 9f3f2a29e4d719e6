"""Train, or validate, for long, and see whether anything grows.

A small network on drawn images, with the loop, hooks, loaders and workers
of every other training. Memory, open files, threads and time an iteration
of the first thousand iterations are compared with those of the last; the
exit code is 1 if one of them has changed by more than the tolerance. The
time is that of the fastest tenth of the iterations, which other jobs on the
machine disturb least; --ignore-time leaves it out of the verdict.

    python tests/drill/soak.py
    python tests/drill/soak.py --validation

Within one validation the memory grows by design: mmseg's IoUMetric keeps
2.5 KiB for every image and network until the end. So the long validation is
one of 1,000 images (Cityscapes has 500), again and again.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from mmseg_classmix.demo.street_scenes import write_street_scenes
from mmseg_classmix.engine.runner import ClassMixRunner

CONFIG = (
    Path(__file__).resolve().parents[2]
    / 'configs'
    / 'classmix'
    / 'street_scenes_r18.py'
)
IMAGES = {'train': 24, 'unlabeled': 24, 'val': 8}
SIZE = (32, 64)
SHORTEST = 100
MIB = 2**20
PAGE = os.sysconf('SC_PAGE_SIZE')
# Reading takes some tenths of a millisecond.
READ_EVERY = 10


@dataclass(frozen=True)
class Usage:
    """What the processes use at one moment."""

    iteration: int
    memory: int
    worker_memory: int
    files: int
    threads: int


@dataclass(frozen=True)
class Row:
    """One quantity at both ends of a run."""

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
    """Measure every iteration of training, or of validation."""

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
        """Compare both ends of the run."""
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
    """Read what this process and its workers use now."""
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


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--iters',
        type=int,
        default=5000,
        help='iterations, or images with --validation',
    )
    parser.add_argument(
        '--validation',
        action='store_true',
        help='validations instead of a training',
    )
    parser.add_argument(
        '--workers', type=int, default=2, help='of every data loader'
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        default=3.0,
        help='largest change in percent that counts as flat',
    )
    parser.add_argument(
        '--ignore-time',
        action='store_true',
        help='show the times, but let them change',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        help='where data, logs and checkpoints stay; a temporary folder by '
        'default',
    )
    args = parser.parse_args(argv)
    if not Path('/proc/self/statm').exists():
        parser.error('this machine has no /proc to read memory from')
    if args.iters < SHORTEST:
        parser.error(f'--iters {args.iters} must be at least {SHORTEST}')
    if args.workers < 0:
        parser.error(f'--workers {args.workers} is negative')
    return args


def soak_config(
    work_dir: Path, iters: int, workers: int, validation: bool
) -> Config:
    """Make the config of the quickstart small, and draw its images."""
    data_root = work_dir / 'data'
    write_street_scenes(data_root, IMAGES, SIZE)
    cfg = Config.fromfile(str(CONFIG))
    cfg.work_dir = str(work_dir / 'run')
    labeled, unlabeled = cfg.train_dataloader.dataset.datasets
    for dataset in (labeled, unlabeled, cfg.val_dataloader.dataset):
        dataset.update(data_root=str(data_root), ann_file='')
    unlabeled.data_prefix.img_path = 'images/unlabeled'
    cfg.train_dataloader.update(
        batch_size=4, num_workers=workers, persistent_workers=workers > 0
    )
    cfg.train_dataloader.sampler.batch_size = 4
    # Every validation of a training starts workers and has to end them.
    cfg.val_dataloader.update(num_workers=workers, persistent_workers=False)
    network = cfg.model.segmentor
    cfg.data_preprocessor.size = network.data_preprocessor.size = SIZE
    network.backbone.update(stem_channels=4, base_channels=4)
    network.decode_head.in_channels = 16
    cfg.train_cfg.update(max_iters=iters, val_interval=iters // 5)
    cfg.param_scheduler[0].end = iters + 1
    cfg.default_hooks.checkpoint.interval = iters // 10
    if validation:
        # mmengine saves the best checkpoint in a training only.
        cfg.default_hooks.checkpoint.save_best = None
        cfg.val_dataloader.dataset = dict(
            type='RepeatDataset',
            dataset=cfg.val_dataloader.dataset,
            times=max(window_of(iters) // IMAGES['val'], 1),
        )
    cfg.custom_hooks.append(
        dict(type='SoakMeter', mode='val' if validation else 'train')
    )
    return cfg


def window_of(iters: int) -> int:
    """Iterations at either end: a thousand, or a fifth of a short run."""
    return min(1000, iters // 5)


def soak(cfg: Config, iters: int, validation: bool) -> SoakMeter:
    """Run a config and return what was measured."""
    runner = ClassMixRunner.from_cfg(cfg)
    (meter,) = (hook for hook in runner.hooks if isinstance(hook, SoakMeter))
    if validation:
        while len(meter.seconds) < iters - 1:
            runner.val()
    else:
        runner.train()
    return meter


def table(rows: list[Row], window: int, tolerance: float) -> str:
    """Lay out what was measured."""
    lines = [
        f'{"":32}{f"first {window}":>12}{f"last {window}":>12}{"change":>9}'
    ]
    for row in rows:
        verdict = '' if abs(row.change) <= tolerance else '   NOT FLAT'
        lines.append(
            f'{row.name:32}{row.first:12.2f}{row.last:12.2f}'
            f'{row.change:+9.1%}{verdict}'
        )
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print the table, and fail if something is not flat."""
    args = parse_args(argv)
    # One thread: others on the machine disturb the times less.
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix='soak_') as folder:
        work_dir = args.work_dir or Path(folder)
        cfg = soak_config(work_dir, args.iters, args.workers, args.validation)
        meter = soak(cfg, args.iters, args.validation)
    rows, tolerance = meter.rows(window_of(args.iters)), args.tolerance / 100
    what = 'images of validation' if args.validation else 'iterations'
    print(f'\n{args.iters} {what}, {args.workers} workers')
    print(table(rows, window_of(args.iters), tolerance))
    moved = [
        row.name
        for row in rows
        if abs(row.change) > tolerance
        and not (args.ignore_time and row.is_time)
    ]
    if moved:
        print(f'\nnot flat within {args.tolerance:g} %: {", ".join(moved)}')
        return 1
    print(f'\nflat within {args.tolerance:g} %')
    return 0


if __name__ == '__main__':
    sys.exit(main())
