"""Plot how training runs went, in one figure.

Losses, weight of the unsupervised loss, share of confident pixels, accuracy
of the pseudo-labels (where ``eval_pseudo_labels`` measures it), learning rate
and the validations of student and teacher, one color a run. The starts of a
resumed run are one curve.

    python tools/analysis_tools/plot_run.py work_dirs/camvid_1-8_r18
"""

import argparse
import contextlib
import os.path as osp
import sys
from collections.abc import Sequence
from pathlib import Path

# The OneDL packages print when they are imported.
with contextlib.redirect_stdout(sys.stderr):
    from mmseg_classmix.checkpoints.compare import NETWORKS
    from mmseg_classmix.cli.runs_parser import read_runs, runs_parser
    from mmseg_classmix.runs.run import Run, read_log
    from mmseg_classmix.visualization.curves import Curves, draw_curves
    from mmseg_classmix.visualization.image_grid import (
        picture_path,
        save_picture,
    )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = runs_parser(__doc__)
    parser.add_argument(
        '--out',
        type=picture_path,
        default=Path('curves.png'),
        help='picture to write, curves.png by default',
    )
    parser.add_argument('--metric', default='mIoU', help='of the validations')
    parser.add_argument(
        '--smooth',
        type=int,
        default=5,
        metavar='N',
        help='draw means of N logged values (5), 1 for none; each is already '
        "a mean over log_processor.window_size iterations (mmengine's 10)",
    )
    args = parser.parse_args(argv)
    if args.smooth < 1:
        parser.error(f'--smooth {args.smooth} must be at least 1')
    return args


def read_curves(runs: list[Run], metric: str) -> dict[str, Curves]:
    """Read the logs of runs.

    Args:
        runs: At least one.
        metric: Of the validations.

    Returns:
        What to draw by name, the part of its path in which runs differ.

    Raises:
        ValueError: If a log has nothing to plot, or cannot be read.
    """
    folders = [str(run.work_dir) for run in runs]
    common = osp.commonpath(folders) if len(runs) > 1 else ''
    found = {}
    for run in runs:
        lines = read_log(run.work_dir)
        if not any('loss' in line for line in lines):
            raise ValueError(
                f'{run.work_dir}: no TIMESTAMP/vis_data/scalars.json has a '
                'line of training: the run has stopped before its first one '
                '(default_hooks.logger.interval), or has no LocalVisBackend. '
                'Leave it out'
            )
        name = osp.relpath(run.work_dir, common) if common else ''
        scores = {network: run.scores(network, metric) for network in NETWORKS}
        found[name or run.work_dir.name] = Curves(lines, scores)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Read and plot."""
    args = parse_args(argv)
    try:
        curves = read_curves(read_runs(args.work_dirs), args.metric)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f'error: {error}')
    save_picture(draw_curves(curves, args.metric, args.smooth), args.out)


if __name__ == '__main__':
    main()
