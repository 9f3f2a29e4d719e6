"""The command line of the tools that read finished runs."""

import argparse
import contextlib
import sys
from pathlib import Path

from mmseg_classmix.runs.run import NO_RECORD, Run, find_runs

STYLES = ('text', 'markdown', 'csv')


def runs_parser(description: str) -> argparse.ArgumentParser:
    """Start the command line of a tool that reads WORK_DIRS."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'work_dirs',
        nargs='+',
        type=Path,
        help='work directories, or folders of them',
    )
    return parser


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add ``--format``, for :func:`print_table`."""
    parser.add_argument('--format', choices=STYLES, default=STYLES[0])


def read_runs(work_dirs: list[Path]) -> list[Run]:
    """Read runs, and name folders that look like runs and are none."""
    # mmengine logs what configs read from the environment.
    with contextlib.redirect_stdout(sys.stderr):
        runs, others = find_runs(work_dirs)
    for folder in others:
        print(f'left out: {folder} {NO_RECORD}', file=sys.stderr)
    return runs


def print_table(rows: list[dict], style: str) -> None:
    """Print rows, at least one, of values by heading."""
    # Only mmseg's metrics need it, and those who import them.
    from prettytable import PrettyTable, TableStyle

    table = PrettyTable(list(rows[0]), align='l')
    table.add_rows([list(row.values()) for row in rows])
    if style == 'csv':
        print(table.get_csv_string(lineterminator='\n'), end='')
        return
    if style == 'markdown':
        table.set_style(TableStyle.MARKDOWN)
    print(table)
