"""Convert published DeepLab-v2 weights, or a ResNet of torchvision.

The result is a checkpoint for the DeepLab-v2 of configs/_base_/models: the
tensors get other names, their numbers stay.

    python tools/model_converters/deeplab_coco.py \
        resnet101COCO-41f33a49.pth checkpoints/deeplabv2_r101_coco.pth
"""

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.models.backbones import ResNet
from mmseg.models.backbones.resnet import Bottleneck
from mmseg.registry import MODELS
from prettytable import PrettyTable
from torch import Tensor

import mmseg_classmix  # noqa: F401  registers the network
from mmseg_classmix.checkpoints import (
    check_named_hash,
    read_weights,
    write_weights,
)
from mmseg_classmix.checkpoints.compare import compare

MODEL_CONFIGS = Path(__file__).resolve().parents[2] / 'configs/_base_/models'
# Names in the file, and what they become.
RENAMES = (
    (r'(conv1|bn1|layer[1-4])\.', r'backbone.\1.'),
    (r'layer5\.conv2d_list\.(\d+)\.', r'decode_head.branches.\1.'),
)
CLASSIFIER = 'fc.'
# Depth of the config that has the images of this style.
STYLES = dict(caffe=101, pytorch=50)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('src', type=Path, help='published weights')
    parser.add_argument('dst', type=Path, help='checkpoint to write')
    parser.add_argument(
        '--style',
        choices=sorted(STYLES),
        help='where the bottlenecks of the trained network have their '
        'stride, which tensors do not tell: caffe in the first 1x1 '
        'convolution (assumed of files with a layer5), pytorch in the 3x3 '
        '(assumed of files with an fc)',
    )
    args = parser.parse_args(argv)
    if not args.src.is_file():
        parser.error(f'there is no file {args.src}')
    if args.src.resolve() == args.dst.resolve():
        parser.error(f'SRC and DST are both {args.src}')
    return args


def find_depth(keys: list[str]) -> int:
    """Tell the depth of a ResNet by its tensors.

    Args:
        keys: Names of the tensors.

    Returns:
        A depth of which there is a config.

    Raises:
        ValueError: If there is none.
    """
    blocks = {m[0] for key in keys if (m := re.match(r'layer[1-4]\.\d+', key))}
    per_stage = Counter(block.split('.')[0] for block in blocks)
    counts = tuple(per_stage[f'layer{i}'] for i in range(1, 5))
    bottleneck = any(re.match(r'layer1\.0\.conv3\.', key) for key in keys)
    known = {
        depth: (stages, block is Bottleneck)
        for depth, (block, stages) in ResNet.arch_settings.items()
        if config_path(depth).is_file()
    }
    for depth, structure in known.items():
        if structure == (counts, bottleneck):
            return depth
    raise ValueError(
        f'layer1 to layer4 have {counts} '
        f'{"bottlenecks" if bottleneck else "basic blocks"}: that is no '
        f'ResNet of depth {list(known)}, for which {MODEL_CONFIGS} has a '
        f'config (the file has {", ".join(keys[:3])} ...)'
    )


def config_path(depth: int) -> Path:
    """Where the DeepLab-v2 on a ResNet of some depth is configured."""
    return MODEL_CONFIGS / f'deeplabv2_r{depth}-d8.py'


def find_style(keys: list[str]) -> str:
    """Tell the style by the last layer.

    Args:
        keys: Names of the tensors.

    Returns:
        'caffe' or 'pytorch'.

    Raises:
        ValueError: If there is no last layer.
    """
    if any(key.startswith('layer5.') for key in keys):
        return 'caffe'
    if any(key.startswith(CLASSIFIER) for key in keys):
        return 'pytorch'
    raise ValueError(
        'the file has no layer5 (DeepLab-v2) and no fc (torchvision), so it '
        'does not tell how it was trained: give --style caffe or --style '
        'pytorch'
    )


def rename(key: str) -> str | None:
    """Translate a name, None if it is unknown."""
    for pattern, name in RENAMES:
        if re.match(pattern, key):
            return re.sub(pattern, name, key, count=1)
    return None


def convert(state: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Rename tensors, and compare them with the configured network.

    Args:
        state: Tensors by published name; without a head, none is needed.
        depth: Depth of the ResNet.

    Returns:
        Tensors by our name.

    Raises:
        ValueError: If a tensor is unknown, missing or of another shape.
    """
    cfg = Config.fromfile(config_path(depth)).model
    head = state.get('layer5.conv2d_list.0.weight')
    if head is not None:
        # As many classes as the file has.
        cfg.decode_head.num_classes = len(head)
    with torch.device('meta'):
        network = MODELS.build(cfg)
    used = [key for key in state if not key.startswith(CLASSIFIER)]
    known = network.state_dict()
    unknown = [key for key in used if rename(key) not in known]
    converted = {rename(key): state[key] for key in used if key not in unknown}
    misfit = (
        compare(converted, network)
        if any(key.startswith('layer5.') for key in state)
        else compare(converted, network.backbone, 'backbone')
    )
    problems = [str(misfit)] if misfit else []
    if unknown:
        some = ', '.join(unknown[:5])
        problems.append(f'{len(unknown)} unknown tensors: {some}')
    if problems:
        raise ValueError('not converted:\n' + '\n'.join(problems))
    return converted


def table(state: dict[str, Tensor]) -> PrettyTable:
    """List which parts of the file were used for what."""
    parts = {}
    for key, value in state.items():
        depth = 3 if key.startswith('layer5.') else 1
        part = '.'.join(key.split('.')[:depth])
        parts.setdefault(part, []).append(value)
    rows = PrettyTable(['in the file', 'tensors', 'values', 'becomes'])
    rows.align, rows.border = 'l', False
    for part, values in parts.items():
        name = (rename(f'{part}.') or '').rstrip('.')
        if part.startswith('layer5'):
            name += f', {len(values[0])} classes'
        name = name or 'not used: segmentation has no image classifier'
        size = sum(value.numel() for value in values)
        rows.add_row([part, len(values), size, name])
    if not any(part.startswith('layer5') for part in parts):
        rows.add_row(['-', 0, 0, 'decode_head: not in the file, drawn'])
    if not any(key.endswith('num_batches_tracked') for key in state):
        note = 'num_batches_tracked: not in the file, starts at 0'
        rows.add_row(['-', 0, 0, note])
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Convert a file."""
    args = parse_args(argv)
    init_default_scope('mmseg')
    digest = check_named_hash(args.src)
    state = read_weights(args.src)
    depth = find_depth(list(state))
    style = args.style or find_style(list(state))
    converted = convert(state, depth)
    images = Config.fromfile(config_path(STYLES[style])).data_preprocessor
    images = {key: images[key] for key in ('bgr_to_rgb', 'mean', 'std')}
    meta = dict(
        depth=depth,
        style=style,
        data_preprocessor=images,
        source=args.src.name,
        source_sha256=digest,
    )
    write_weights(args.dst, converted, meta)
    print(table(state))
    print(
        f'{args.dst}: {len(converted)} tensors of a ResNet-{depth}, each of '
        f'the shape that {config_path(depth).name} needs'
    )
    values = [f'backbone.style={style!r}']
    values += [f'data_preprocessor.{k}={v}' for k, v in images.items()]
    print(f'They need {", ".join(values)}')
    own = Config.fromfile(config_path(depth))
    if style != own.model.backbone.style:
        print(f'WARNING: {config_path(depth).name} has others: change them')


if __name__ == '__main__':
    main()
