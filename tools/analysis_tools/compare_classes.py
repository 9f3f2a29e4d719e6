"""Print the scores of every class of all finished runs below some folders.

    python tools/analysis_tools/compare_classes.py work_dirs/camvid

A column is the mean over runs that differ in nothing but the seed, as a row
of summarize_runs.py is, with their number in brackets; a class that has no
pixels in some run has the mean of the others. The scores are those of the
last validation.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

# The OneDL packages print when they are imported: not into the table.
with contextlib.redirect_stdout(sys.stderr):
    from mmseg_classmix.checkpoints.compare import NETWORKS
    from mmseg_classmix.cli.runs_parser import (
        add_format,
        print_table,
        read_runs,
        runs_parser,
    )
    from mmseg_classmix.runs.experiments import SUPERVISED
    from mmseg_classmix.runs.groups import Group, group_runs

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = runs_parser(__doc__)
    parser.add_argument(
        '--network',
        choices=NETWORKS,
        default=NETWORKS[0],
        help='the only network of a supervised run is shown for both',
    )
    parser.add_argument(
        '--metric', default='IoU', help="column of mmseg's table of classes"
    )
    add_format(parser)
    return parser.parse_args(argv)


def class_means(
    group: Group, network: str, metric: str
) -> dict[str, float | None]:
    """Mean by class in percent, None for a class without pixels.

    Raises:
        ValueError: If a run has no such scores.
    """
    if group.first.method == SUPERVISED:
        network = NETWORKS[0]
    runs = [run.scores_of_classes(network, metric) for run in group.runs]
    means = {}
    for name in runs[0]:
        values = [run[name] for run in runs if run.get(name) is not None]
        means[name] = mean(values) if values else None
    return means


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    args = parse_args(argv)
    try:
        runs = [run for run in read_runs(args.work_dirs) if run.finished]
        columns = {
            f'{group.label}, {group.first.method} ({len(group.runs)})': (
                class_means(group, args.network, args.metric)
            )
            for group in group_runs(runs, CONFIGS)
        }
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f'error: {error}')
    if not columns:
        sys.exit('error: no finished runs')
    names = dict.fromkeys(name for means in columns.values() for name in means)
    rows = [
        {'class': name}
        | {title: cell(means.get(name)) for title, means in columns.items()}
        for name in names
    ]
    print_table(rows, args.format)


def cell(score: float | None) -> str:
    """Write a score, or nothing."""
    return '' if score is None else f'{score:.2f}'


if __name__ == '__main__':
    main()
