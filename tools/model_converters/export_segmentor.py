"""Export a trained network for those who do not have mmseg_classmix.

    python tools/model_converters/export_segmentor.py CONFIG CHECKPOINT OUT

writes OUT/config.py and OUT/weights.pth: a network that mmseg loads, predicts
and tests with alone. --onnx adds OUT/model.onnx, which needs onnxruntime and
nothing else. All files are read back and compared with the trained network.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmseg_classmix  # noqa: F401  registers the networks
from mmseg_classmix.cli.inference_options import network_parser
from mmseg_classmix.cli.options import load_config
from mmseg_classmix.deploy import read_network
from mmseg_classmix.deploy.export import CONFIG, WEIGHTS, export_segmentor
from mmseg_classmix.deploy.onnx_graph import export_onnx, missing_packages

ONNX = 'model.onnx'
SIZE = (512, 512)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = network_parser(__doc__)
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace an older export'
    )
    parser.add_argument(
        '--onnx', action='store_true', help=f'write {ONNX} too'
    )
    parser.add_argument(
        '--onnx-size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='make the graph for one image of this size; by default all '
        'three may vary',
    )
    parser.add_argument(
        '--onnx-output',
        choices=['label', 'logits'],
        default='label',
        help='what the graph returns: the class of every pixel, or the '
        'logits of every class',
    )
    args = parser.parse_args(argv)
    check_args(parser, args)
    return args


def check_args(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Refuse what would fail after the work is done."""
    args.onnx = args.onnx or args.onnx_size is not None
    missing = missing_packages() if args.onnx else []
    if missing:
        parser.error(
            f'--onnx needs {", ".join(missing)}: pip install '
            f'{" ".join(missing)}'
        )
    if args.onnx_size and min(args.onnx_size) < 1:
        parser.error(f'--onnx-size {args.onnx_size} must be positive')
    if args.out.exists() and not args.out.is_dir():
        parser.error(f'{args.out} is a file: choose a folder')
    files = CONFIG, WEIGHTS, ONNX
    old = [name for name in files if (args.out / name).exists()]
    if old and not args.overwrite:
        parser.error(
            f'{args.out} has {" and ".join(old)}: choose another folder, or '
            'say --overwrite'
        )


def usual_size(cfg: Config, model: dict) -> tuple[int, int]:
    """Find out the (height, width) of the images in training."""
    preprocessor = model.get('data_preprocessor') or {}
    return tuple(preprocessor.get('size') or cfg.get('crop_size') or SIZE)


def main(argv: Sequence[str] | None = None) -> None:
    """Export."""
    args = parse_args(argv)
    cfg = load_config(args)
    init_default_scope('mmseg')
    network = read_network(cfg, args.checkpoint, args.network)
    exported = export_segmentor(cfg, network, args.checkpoint, args.out)
    # Of an older export; a large graph has its weights beside it.
    for name in (ONNX, f'{ONNX}.data'):
        (args.out / name).unlink(missing_ok=True)
    count = sum(value.numel() for value in exported.state_dict().values())
    size = (args.out / WEIGHTS).stat().st_size
    print(
        f'{args.out / CONFIG}, {args.out / WEIGHTS} '
        f'({count / 1e6:.1f} M numbers, {size / 1e6:.1f} MB): '
        f'{network.name or "the network"}, same logits as the trained one'
    )
    if not args.onnx:
        return
    shares = export_onnx(
        exported,
        args.out / ONNX,
        tuple(args.onnx_size or usual_size(cfg, network.cfg)),
        exported.dataset_meta,
        fixed=args.onnx_size is not None,
        logits=args.onnx_output == 'logits',
    )
    if network.cfg.get('test_cfg', {}).get('mode') == 'slide':
        print('The graph predicts whole images: test_cfg.mode is not in it')
    print(f'{args.out / ONNX}: pixels with the class that mmseg gives them')
    for shape, share in shares.items():
        text = 'not for this size' if share is None else f'{share:.4%}'
        print(f'  {"x".join(map(str, shape)):>14}  {text}')


if __name__ == '__main__':
    main()
