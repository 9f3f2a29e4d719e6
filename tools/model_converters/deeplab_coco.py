"""Convert published DeepLab-v2 weights, or a ResNet of torchvision.

The result is a checkpoint for the DeepLab-v2 of configs/_base_/models: the
tensors get other names, their numbers stay.

    python tools/model_converters/deeplab_coco.py \
        resnet101COCO-41f33a49.pth checkpoints/deeplabv2_r101_coco.pth
"""

import argparse
import io
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
from torch import Tensor

import mmseg_classmix  # noqa: F401  registers the network
from mmseg_classmix.checkpoints import (
    AtomicLocalBackend,
    check_named_hash,
    read_weights,
)

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


def needed_shapes(depth: int, state: dict[str, Tensor]) -> dict[str, tuple]:
    """Shapes of the configured network, with as many classes as the file.

    Args:
        depth: Depth of the ResNet.
        state: The file; without a head in it, none is needed.

    Returns:
        Shapes by the names of our network, without batch counters.
    """
    cfg = Config.fromfile(config_path(depth)).model
    head = state.get('layer5.conv2d_list.0.weight')
    if head is not None:
        cfg.decode_head.num_classes = len(head)
    with torch.device('meta'):
        network = MODELS.build(cfg)
    has_head = any(key.startswith('layer5.') for key in state)
    return {
        key: tuple(value.shape)
        for key, value in network.state_dict().items()
        if has_head or key.startswith('backbone.')
    }


def convert(
    state: dict[str, Tensor], shapes: dict[str, tuple]
) -> dict[str, Tensor]:
    """Rename tensors and verify every shape.

    Args:
        state: Tensors by published name.
        shapes: Shapes by our name.

    Returns:
        Tensors by our name.

    Raises:
        ValueError: If a tensor is unknown, missing or of another shape.
    """
    names = {k: rename(k) for k in state if not k.startswith(CLASSIFIER)}
    unknown = [k for k, name in names.items() if name not in shapes]
    missing = [
        f'{name} ({shape})'
        for name, shape in shapes.items()
        if name not in names.values()
        and not name.endswith('num_batches_tracked')
    ]
    wrong = [
        f'{k} {tuple(state[k].shape)}, needs {shapes[name]}'
        for k, name in names.items()
        if name in shapes and tuple(state[k].shape) != shapes[name]
    ]
    problems = [
        f'{len(keys)} {title}: {"; ".join(keys[:10])}'
        + ('; ...' if len(keys) > 10 else '')
        for title, keys in (
            ('unknown tensors', unknown),
            ('missing tensors', missing),
            ('tensors of another shape', wrong),
        )
        if keys
    ]
    if problems:
        raise ValueError('not converted:\n' + '\n'.join(problems))
    return {name: state[key] for key, name in names.items()}


def table(state: dict[str, Tensor]) -> str:
    """List which parts of the file were used for what."""
    parts = {}
    for key, value in state.items():
        depth = 3 if key.startswith('layer5.') else 1
        part = '.'.join(key.split('.')[:depth])
        parts.setdefault(part, []).append(value)
    rows = [('in the file', 'tensors', 'values', 'becomes')]
    for part, values in parts.items():
        name = (rename(f'{part}.') or '').rstrip('.')
        if part.startswith('layer5'):
            name += f', {len(values[0])} classes'
        rows.append(
            (
                part,
                str(len(values)),
                str(sum(value.numel() for value in values)),
                name or 'not used: segmentation has no image classifier',
            )
        )
    if not any(part.startswith('layer5') for part in parts):
        rows.append(('-', '0', '0', 'decode_head: not in the file, drawn'))
    if not any(key.endswith('num_batches_tracked') for key in state):
        note = 'num_batches_tracked: not in the file, starts at 0'
        rows.append(('-', '0', '0', note))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return '\n'.join(
        f'{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  '
        f'{row[2]:>{widths[2]}}  {row[3]}'
        for row in rows
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Convert a file."""
    args = parse_args(argv)
    init_default_scope('mmseg')
    digest = check_named_hash(args.src)
    state = read_weights(args.src)
    depth = find_depth(list(state))
    style = args.style or find_style(list(state))
    converted = convert(state, needed_shapes(depth, state))
    images = Config.fromfile(config_path(STYLES[style])).data_preprocessor
    images = {key: images[key] for key in ('bgr_to_rgb', 'mean', 'std')}
    meta = dict(
        depth=depth,
        style=style,
        data_preprocessor=images,
        source=args.src.name,
        source_sha256=digest,
    )
    file = io.BytesIO()
    torch.save(dict(state_dict=converted, meta=meta), file)
    files = AtomicLocalBackend('Make room or choose another file')
    files.put(file.getvalue(), args.dst)
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
