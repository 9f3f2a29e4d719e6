"""Test a checkpoint; the command line is that of MMSegmentation.

The student predicts; ``--cfg-options model.predict_on=teacher`` tests the
teacher.
"""

import argparse
import os.path as osp

from mmengine.config import Config
from mmengine.runner import Runner

from mmseg_classmix.engine import (
    close_distributed,
    lost_processes_explained,
    prepare_distributed,
)
from mmseg_classmix.utils.command_line import (
    common_parser,
    export_local_rank,
    load_config,
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = common_parser(__doc__)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='folder for the predicted masks')
    parser.add_argument(
        '--show', action='store_true', help='show predictions in a window'
    )
    parser.add_argument('--show-dir', help='folder for painted images')
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds to show an image'
    )
    parser.add_argument(
        '--tta', action='store_true', help='test-time augmentation'
    )
    args = parser.parse_args()
    if not osp.isfile(args.checkpoint):
        parser.error(f'no checkpoint {args.checkpoint}')
    return args


def testing_config(args: argparse.Namespace) -> Config:
    """Load the config and apply the command line to it."""
    cfg = load_config(args)
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        cfg.default_hooks.visualization.update(
            draw=True, interval=1, show=args.show, wait_time=args.wait_time
        )
    if args.show_dir:
        cfg.visualizer.save_dir = args.show_dir
    if args.out:
        cfg.test_evaluator.update(output_dir=args.out, keep_results=True)
    if args.tta:
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.tta_model.module = cfg.model
        cfg.model = cfg.tta_model
    return cfg


def main() -> None:
    """Test."""
    args = parse_args()
    export_local_rank(args)
    cfg = testing_config(args)
    with lost_processes_explained():
        prepare_distributed(cfg)
        Runner.from_cfg(cfg).test()
    close_distributed()


if __name__ == '__main__':
    main()
