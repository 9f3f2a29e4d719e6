"""Train, or validate, for long, and see whether anything grows.

A small network on drawn images, with the loop, hooks, loaders and workers
of every other training. Memory, open files, threads and time an iteration
of the first thousand iterations are compared with those of the last; the
exit code is 1 if one of them has changed by more than the tolerance. The
time is that of the fastest tenth of the iterations, which other jobs on the
machine disturb least; --ignore-time leaves it out of the verdict.

    python tools/dev/soak.py
    python tools/dev/soak.py --validation

Within one validation the memory grows by design: mmseg's IoUMetric keeps
2.5 KiB for every image and network until the end. So the long validation is
one of 1,000 images (Cityscapes has 500), again and again.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from soak_meter import Row, SoakMeter

from mmseg_classmix.demo.street_scenes import write_street_scenes

CONFIG = (
    Path(__file__).resolve().parents[2]
    / 'configs'
    / 'classmix'
    / 'street_scenes_r18.py'
)
IMAGES = {'train': 24, 'unlabeled': 24, 'val': 8}
SIZE = (32, 64)
SHORTEST = 100


def parse_args() -> argparse.Namespace:
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
    args = parser.parse_args()
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
    """Make the config of the quickstart small, and draw its images.

    Args:
        work_dir: Where everything is written.
        iters: Iterations of training, or images of validation.
        workers: Processes of every loader.
        validation: Whether the validation is the long part.

    Returns:
        The config, with a :class:`SoakMeter`.
    """
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
    runner = Runner.from_cfg(cfg)
    (meter,) = (hook for hook in runner.hooks if isinstance(hook, SoakMeter))
    if validation:
        while len(meter.seconds) < iters - 1:
            runner.val()
    else:
        runner.train()
    return meter


def table(rows: list[Row], window: int, tolerance: float) -> str:
    """Lay out what was measured.

    Args:
        rows: Quantities.
        window: Iterations at either end.
        tolerance: Largest relative change that counts as flat.
    """
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


def main() -> None:
    """Run, print the table, and fail if something is not flat."""
    args = parse_args()
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
        sys.exit(f'\nnot flat within {args.tolerance:g} %: {", ".join(moved)}')
    print(f'\nflat within {args.tolerance:g} %')


if __name__ == '__main__':
    main()
