"""The command line that tools for finished runs share."""

import argparse
from pathlib import Path


def runs_parser(description: str) -> argparse.ArgumentParser:
    """Start the command line of a tool that reads work directories.

    Args:
        description: Text above the options in ``--help``, laid out as it is.

    Returns:
        Parser of WORK_DIRS, which may be given more arguments.
    """
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
