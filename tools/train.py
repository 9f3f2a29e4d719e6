"""Train a segmentor; the command line is that of MMSegmentation.

SIGTERM and SIGUSR1 stop it with a checkpoint and exit code 75, which says:
run the same command again with --resume.
"""

import os
import signal
import sys

if __name__ == '__main__':
    # Until the training starts there is nothing to save. The imports take
    # seconds.
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda *_: os._exit(75))

import argparse
from collections.abc import Sequence

import torch
from mmengine.config import Config

from mmseg_classmix.cli.options import (
    common_parser,
    export_local_rank,
    has_bfloat16,
    load_config,
    mixed_precision,
)
from mmseg_classmix.distributed import (
    close_distributed,
    lost_processes_explained,
    prepare_distributed,
)
from mmseg_classmix.engine.hooks.preemption_hook import (
    Preempted,
    ignore_signals,
    obey_signals,
    stop_with_parent,
)
from mmseg_classmix.engine.runner import build_runner
from mmseg_classmix.preflight import (
    PreflightError,
    PreflightHook,
    check_config,
    problems_beside,
)
from mmseg_classmix.runs.run_json import RunRecordHook


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = common_parser(__doc__)
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue from the newest whole checkpoint of the work '
        'directory; start new if there is none. --cfg-options resume=FILE '
        'takes a certain one',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='print all problems that would keep the training from its first '
        'iteration, and stop; exit code 1 if there are any',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision, bfloat16 where the hardware has it and else '
        'float16 with a scaled loss (needs a GPU); optim_wrapper.dtype and '
        '.loss_scale of the config win',
    )
    args = parser.parse_args(argv)
    if args.amp and not torch.cuda.is_available():
        parser.error('--amp needs a GPU, and torch finds none: leave it out')
    return args


def training_config(args: argparse.Namespace) -> Config:
    """Load the config and apply the command line to it."""
    cfg = load_config(args)
    cfg.resume = cfg.get('resume') or args.resume
    if isinstance(cfg.resume, str):
        # What mmengine reads, where there is no ResumeHook.
        cfg.load_from = cfg.resume
    if args.amp:
        cfg.optim_wrapper = mixed_precision(cfg.optim_wrapper, has_bfloat16())
    return cfg


def print_problems(cfg: Config) -> int:
    """Say what would keep a training from its first iteration."""
    problems = check_config(cfg)
    if os.environ.get('RANK', '0') == '0':
        print(PreflightError(problems) if problems else 'No problem found.')
    return 1 if problems else 0


def train(cfg: Config) -> None:
    """Train, and if that does not start, say all that is wrong.

    Raises:
        PreflightError: With every problem that the config has, not only the
            one that came first.
    """
    runner = None
    try:
        runner = build_runner(cfg)
        runner.register_hook(RunRecordHook())
        runner.train()
    except PreflightError:
        raise
    except Exception as error:
        checks = [
            hook.passed
            for hook in (runner.hooks if runner else ())
            if isinstance(hook, PreflightHook)
        ]
        # Without this hook nothing is to be checked.
        if runner and all(checks):
            raise
        problems = problems_beside(error, cfg)
        if not problems:
            raise
        raise PreflightError(problems) from error


def main(argv: Sequence[str] | None = None) -> int | None:
    """Train."""
    args = parse_args(argv)
    export_local_rank(args)
    cfg = training_config(args)
    if args.check:
        return print_problems(cfg)
    if args.launcher == 'pytorch':
        stop_with_parent()
    with lost_processes_explained():
        prepare_distributed(cfg)
        obey_signals()
        try:
            train(cfg)
        except Preempted as stop:
            close_distributed(stop.code)
            raise
        finally:
            # As a script it ends here, with the handlers that it has.
            if argv is not None:
                ignore_signals()
    close_distributed()


if __name__ == '__main__':
    sys.exit(main())
