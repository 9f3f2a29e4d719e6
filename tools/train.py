"""Train a segmentor; the command line is that of MMSegmentation."""

import argparse

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmseg_classmix.engine import close_distributed, prepare_distributed
from mmseg_classmix.utils.command_line import (
    common_parser,
    export_local_rank,
    load_config,
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = common_parser(__doc__)
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue from the latest checkpoint in the work directory',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision (needs a GPU)'
    )
    args = parser.parse_args()
    if args.amp and not torch.cuda.is_available():
        parser.error('--amp needs a GPU, and torch finds none: leave it out')
    return args


def training_config(args: argparse.Namespace) -> Config:
    """Load the config and apply the command line to it."""
    cfg = load_config(args)
    cfg.resume = args.resume or cfg.get('resume', False)
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    return cfg


def main() -> None:
    """Train."""
    args = parse_args()
    export_local_rank(args)
    cfg = training_config(args)
    prepare_distributed(cfg)
    Runner.from_cfg(cfg).train()
    close_distributed()


if __name__ == '__main__':
    main()
