"""Print one table of all finished runs below some folders.

Runs of one config, data set and number of iterations that differ in nothing
but the seed are one row: mean ± sample standard deviation of the last
validation. Student and teacher stand side by side; the only network of a
supervised run is in the column of the student.

The gain is the mean minus that of the baseline: the supervised runs with the
data set, labeled share, iterations, pipeline and batch of labeled images,
backbone, initial weights and validation of the row, averaged over the seeds
that both have. The published score stands next to runs of a config of the
paper with its data set, schedule and settings only.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

# The OneDL packages print when they are imported: not into the table.
with contextlib.redirect_stdout(sys.stderr):
    from mmseg_classmix.checkpoints.compare import NETWORKS
    from mmseg_classmix.cli.runs_parser import (
        add_format,
        print_table,
        read_runs,
        runs_parser,
    )
    from mmseg_classmix.runs.groups import (
        Group,
        find_baseline,
        gain,
        group_runs,
        score,
    )
    from mmseg_classmix.runs.run import Run, read_log

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
OTHER_SEEDS = '*'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = runs_parser(__doc__)
    add_format(parser)
    parser.add_argument(
        '--metric', default='mIoU', help='as the evaluator names it'
    )
    parser.add_argument(
        '--best',
        action='store_true',
        help='best validation of each network instead of the last one: '
        'chosen on the images that it reports',
    )
    parser.add_argument(
        '--configs',
        type=Path,
        default=CONFIGS,
        help='shipped configs, which runs have to agree with to stand next '
        'to a published score',
    )
    return parser.parse_args(argv)


def check_metric(runs: list[Run], metric: str) -> None:
    """Refuse a metric that no validation reports.

    Raises:
        ValueError: If there are validations and none of them has it.
    """
    known = {
        name
        for run in runs
        for networks in run.validations.values()
        for scores in networks.values()
        for name in scores
    }
    if known and metric not in known:
        raise ValueError(
            f'no validation reports {metric!r}: give --metric one of '
            f'{", ".join(sorted(known))}'
        )


def make_row(
    group: Group, groups: list[Group], metric: str, best: bool
) -> tuple[dict, list[str]]:
    """Values of a row by column, and what a reader has to know."""
    run = group.first
    baseline, fitting = find_baseline(group, groups)
    notes = []
    if baseline is None and len(fitting) > 1:
        names = ', '.join(other.label for other in fitting)
        notes.append(
            f'{group.label}, {group.data}: no gain, {len(fitting)} baselines '
            f'fit: {names}; leave all but one out'
        )
    if group.experiment and group.experiment.data == run.data:
        if group.deviation:
            notes.append(
                f'{group.label}, {group.data}: not the published setting: '
                f'{group.deviation}'
            )
    splits = [member.split for member in group.runs]
    seeds = [member.seed for member in group.runs]
    if any(s is not None for s in splits) and splits != seeds:
        notes.append(
            f'{group.label}, {group.data}: seeds {seeds} trained on splits '
            f'{splits}'
        )
    paper = group.experiment if group.repeats_paper else None
    row = dict(
        config=group.label,
        method=run.method,
        data=group.data,
        iterations=run.max_iters,
        runs=len(group.runs),
        seeds=' '.join(str(seed) for seed in seeds),
        published=paper if metric == 'mIoU' else None,
        baseline=baseline.label if baseline else '',
    )
    for network in NETWORKS:
        row[network] = score(group.runs, network, metric, best)
        row[f'{network}_gain'] = baseline and gain(
            group, baseline, network, metric, best
        )
    return row, notes


def text_cells(row: dict, metric: str, best: bool) -> dict[str, str]:
    """Text of a row by heading."""
    kind = f'best {metric}' if best else metric
    paper = row['published']
    cells = {
        'config': row['config'],
        'method': row['method'],
        'data': row['data'],
        'iterations': str(row['iterations']),
        'runs': str(row['runs']),
    }
    for network in NETWORKS:
        value, more = row[network], row[f'{network}_gain']
        cells[f'{network} {kind}'] = (
            mean_std(value.mean, value.std) if value else ''
        )
        mark = OTHER_SEEDS if more and more.partial else ''
        cells[f'{network} gain'] = f'{more.points:+.2f}{mark}' if more else ''
    has_score = paper is not None and paper.mean is not None
    cells['published'] = mean_std(paper.mean, paper.std) if has_score else ''
    published_gain = paper.published_gain if paper else None
    cells['published gain'] = (
        '' if published_gain is None else f'{published_gain:+.2f}'
    )
    cells['baseline'] = row['baseline']
    return cells


def mean_std(mean: float, std: float | None) -> str:
    """Write a score."""
    return f'{mean:.2f}' + ('' if std is None else f' ± {std:.2f}')


def csv_cells(row: dict, metric: str, best: bool) -> dict[str, object]:
    """Write one row for a program: one number a column."""
    keys = ('config', 'method', 'data', 'iterations', 'runs', 'seeds')
    cells = {key: row[key] for key in keys}
    cells['metric'] = metric
    cells['validation'] = 'best' if best else 'last'
    for network in NETWORKS:
        value, more = row[network], row[f'{network}_gain']
        cells[f'{network}_mean'] = number(value and value.mean)
        cells[f'{network}_std'] = number(value and value.std)
        cells[f'{network}_gain'] = number(more and more.points)
        cells[f'{network}_gain_seeds'] = more.count if more else ''
    paper = row['published']
    cells['published_mean'] = number(paper and paper.mean)
    cells['published_std'] = number(paper and paper.std)
    cells['published_gain'] = number(paper and paper.published_gain)
    cells['baseline'] = row['baseline']
    return cells


def number(value: float | None) -> str:
    """Write a number, or nothing."""
    return '' if value is None else f'{value:.4f}'


def unfinished_notes(runs: list[Run]) -> list[str]:
    """List runs that no row counts."""
    notes = []
    for run in runs:
        if run.finished:
            continue
        text = f'not counted: {run.work_dir} ({run.name}, {run.data} '
        text += f'{run.fraction}, seed {run.seed}): '
        if run.max_iters is None:
            text += 'its train_cfg has no max_iters'
        else:
            steps = [line['step'] for line in read_log(run.work_dir)]
            reached = max([*steps, *run.validations], default=0)
            text += f'iteration {reached} of {run.max_iters}'
            if reached == run.max_iters:
                text += ', but no validation at the end'
        notes.append(text)
    return notes


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and below it what it does not count."""
    args = parse_args(argv)
    try:
        runs = read_runs(args.work_dirs)
        check_metric(runs, args.metric)
        finished = [run for run in runs if run.finished]
        # mmengine logs what configs read from the environment.
        with contextlib.redirect_stdout(sys.stderr):
            groups = group_runs(finished, args.configs)
        unfinished = unfinished_notes(runs)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f'error: {error}')
    write = csv_cells if args.format == 'csv' else text_cells
    rows, notes, partial = [], [], False
    for group in groups:
        row, remarks = make_row(group, groups, args.metric, args.best)
        rows.append(write(row, args.metric, args.best))
        notes += remarks
        gains = (row[f'{network}_gain'] for network in NETWORKS)
        partial |= any(more and more.partial for more in gains)
    if partial:
        notes.insert(
            0,
            f'{OTHER_SEEDS} not all seeds of both: over the seeds that '
            'both have, or all if they share none',
        )
    if args.best:
        notes.insert(0, 'best: validations chosen on the reported images')
    notes += unfinished
    if rows:
        print_table(rows, args.format)
    else:
        notes.insert(0, 'no finished runs')
    if notes:
        # A CSV file has room for rows only.
        file = sys.stderr if args.format == 'csv' else sys.stdout
        print('', *notes, sep='\n', file=file)


if __name__ == '__main__':
    main()
