"""Test a checkpoint; the command line is that of MMSegmentation.

The results of student and teacher are compared class by class. Masks and
pictures are those of the student; ``--cfg-options model.predict_on=teacher``
makes it the teacher.
"""

import argparse
import os.path as osp
from collections.abc import Sequence

from mmengine.config import Config

from mmseg_classmix.checkpoints.compare import NETWORKS
from mmseg_classmix.cli.options import (
    common_parser,
    export_local_rank,
    load_config,
)
from mmseg_classmix.distributed import (
    close_distributed,
    lost_processes_explained,
    prepare_distributed,
)
from mmseg_classmix.engine.loops import BOTH
from mmseg_classmix.engine.runner import build_runner
from mmseg_classmix.visualization.image_grid import picture_path


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
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
    parser.add_argument(
        '--network',
        choices=[*NETWORKS, BOTH],
        help='the network to test and to predict with; by default both of a '
        'mean teacher are tested and model.predict_on predicts',
    )
    parser.add_argument(
        '--confusion-matrix',
        metavar='FILE',
        type=picture_path,
        help='picture of which classes are taken for which',
    )
    args = parser.parse_args(argv)
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
    set_loop(cfg, args)
    return cfg


def set_loop(cfg: Config, args: argparse.Namespace) -> None:
    """Take the loop that knows two networks.

    Raises:
        ValueError: If the config has a loop of its own and the command line
            asks for what only ours can do.
    """
    own = dict(network=args.network, confusion_matrix=args.confusion_matrix)
    kind = (cfg.get('test_cfg') or {}).get('type')
    if kind in ('TestLoop', 'TeacherStudentTestLoop'):
        own = {k: str(v) for k, v in own.items() if v is not None}
        cfg.test_cfg.update(type='TeacherStudentTestLoop', **own)
    elif any(own.values()):
        raise ValueError(
            f'test_cfg.type={kind!r}: --network and --confusion-matrix need '
            "'TestLoop'"
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Test."""
    args = parse_args(argv)
    export_local_rank(args)
    cfg = testing_config(args)
    with lost_processes_explained():
        prepare_distributed(cfg)
        build_runner(cfg).test()
    close_distributed()


if __name__ == '__main__':
    main()
