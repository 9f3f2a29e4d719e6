"""Test a checkpoint; the command line is that of MMSegmentation.

The student predicts; ``--cfg-options model.predict_on=teacher`` tests the
teacher.
"""

import argparse
import os
import os.path as osp

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from mmseg_classmix.engine import close_distributed, prepare_distributed


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir',
        help='where logs and metrics go, work_dirs/CONFIG by default',
    )
    parser.add_argument('--out', help='folder for the predicted masks')
    parser.add_argument(
        '--show', action='store_true', help='show predictions in a window'
    )
    parser.add_argument('--show-dir', help='folder for painted images')
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds to show an image'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override values of the config, KEY=VALUE ...; lists as '
        'KEY="[a,b]" or KEY=a,b',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes',
    )
    parser.add_argument(
        '--tta', action='store_true', help='test-time augmentation'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    if not osp.isfile(args.checkpoint):
        parser.error(f'no checkpoint {args.checkpoint}')
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def load_config(args: argparse.Namespace) -> Config:
    """Load the config and apply the command line to it."""
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    name = osp.splitext(osp.basename(args.config))[0]
    default = cfg.get('work_dir') or osp.join('work_dirs', name)
    cfg.work_dir = args.work_dir or default
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
    cfg = load_config(parse_args())
    prepare_distributed(cfg)
    Runner.from_cfg(cfg).test()
    close_distributed()


if __name__ == '__main__':
    main()
