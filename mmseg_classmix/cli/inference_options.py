"""The options that tools/predict.py and tools/pseudo_label.py share."""

import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope

from mmseg_classmix.checkpoints.compare import NETWORKS
from mmseg_classmix.checkpoints.published_weights import file_hash
from mmseg_classmix.cli.options import add_config_options, load_config
from mmseg_classmix.deploy.evaluation_data import (
    dataset_meta,
    inference_pipeline,
)
from mmseg_classmix.deploy.files import is_utf8
from mmseg_classmix.deploy.predictor import Predictor
from mmseg_classmix.deploy.trained_network import read_network


def network_parser(description: str) -> argparse.ArgumentParser:
    """Start a command line that names a trained network and its config."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(launcher='none', work_dir=None)
    parser.add_argument(
        'config', help='config of the training, or an exported one'
    )
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument(
        '--network',
        choices=NETWORKS,
        help='which network of a semi-supervised checkpoint',
    )
    add_config_options(parser)
    return parser


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of predicting many images."""
    parser.add_argument(
        '--out', type=Path, required=True, help='folder for the results'
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='start again; else images that are finished in --out are '
        'skipped, and results of other settings are an error',
    )
    parser.add_argument(
        '--device',
        type=_device,
        default=get_device(),
        help='such as cpu or cuda:0, by default what there is',
    )
    parser.add_argument(
        '--slide',
        nargs=2,
        type=int,
        metavar=('CROP', 'STRIDE'),
        help='predict large images in windows of CROP x CROP pixels (of the '
        'input, after the test pipeline), STRIDE apart',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=2,
        help='threads that load images, and as many that write',
    )


def check_inference_options(
    parser: argparse.ArgumentParser, args: argparse.Namespace, source: Path
) -> None:
    """Refuse options that do not fit each other or what there is."""
    if not source.exists():
        parser.error(f'no image, video or folder {source.absolute()}')
    for path in (source, args.out):
        if not is_utf8(path):
            parser.error(f'{str(path)!r} is no UTF-8 text: rename it')
    if args.out.exists() and not args.out.is_dir():
        parser.error(f'--out {args.out} is a file: choose a folder')
    if source.is_dir() and args.out.resolve().is_relative_to(source.resolve()):
        parser.error(
            f'--out {args.out} lies in {source}: the results would be among '
            'the images of the next run, choose a folder outside'
        )
    if args.slide and not 0 < args.slide[1] <= args.slide[0]:
        parser.error(
            f'--slide {args.slide[0]} {args.slide[1]}: STRIDE must be from 1 '
            'to CROP, or pixels between the windows have no class'
        )
    if args.workers < 0:
        parser.error(f'--workers {args.workers} must be 0 or more')


def build_predictor(
    args: argparse.Namespace, default: str | None = None, **options
) -> tuple[Predictor, dict, Config]:
    """Load the network that the command line names.

    With it come :func:`dataset_meta` and the settings that decide its results,
    for :class:`ResultsFolder`. ``options`` are of :class:`Predictor`.
    """
    cfg = load_config(args)
    init_default_scope('mmseg')
    network = read_network(cfg, args.checkpoint, args.network, default)
    if args.slide:
        crop, stride = args.slide
        network.cfg.test_cfg = dict(
            mode='slide', crop_size=(crop, crop), stride=(stride, stride)
        )
    model = network.build()
    meta = dataset_meta(cfg, model.num_classes)
    pipeline = inference_pipeline(cfg)
    predictor = Predictor(model, pipeline, args.device, **options)
    checkpoint = args.checkpoint
    if '://' not in checkpoint:
        checkpoint = file_hash(Path(checkpoint).expanduser())
    settings = dict(
        checkpoint=checkpoint,
        network=network.name,
        model=str(network.cfg.test_cfg),
        pipeline=str(pipeline),
    )
    return predictor, meta, settings


def _device(text: str) -> str:
    try:
        torch.empty(0, device=text)
    # torch without CUDA raises an AssertionError.
    except (RuntimeError, AssertionError) as error:
        reason = f'{text} cannot be used: {str(error).splitlines()[0]}'
        raise argparse.ArgumentTypeError(reason) from None
    return text
