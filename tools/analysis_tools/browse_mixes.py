"""Draw mixed images and what they were made of (paper, Figure 1).

The mixes are those of the first iterations of a training with this config
and seed, with the weights of CHECKPOINT. Without one, labeled images are
mixed by their ground truth. A mix with source='labeled' shows a labeled image
A on an unlabeled one B, of which nothing is known without CHECKPOINT.

    python tools/analysis_tools/browse_mixes.py \
        configs/classmix/camvid_1-8_r18.py work_dirs/camvid/iter_3000.pth
"""

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint
from mmseg.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader

import mmseg_classmix  # noqa: F401  registers models and datasets
from mmseg_classmix.visualization import Mix, browse_mixes, colorize, gray
from mmseg_classmix.visualization.image_grid import (
    Column,
    draw_image_grid,
    picture_path,
    save_picture,
)

# Longer side of an image in pixels.
CELL = 360


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config with model.batch_transforms')
    parser.add_argument(
        'checkpoint', nargs='?', help='its teacher labels the images'
    )
    parser.add_argument(
        '--output',
        type=picture_path,
        help='picture to write, work_dirs/CONFIG/mixes.png by default',
    )
    parser.add_argument(
        '--num', type=int, default=4, help='number of mixed images'
    )
    parser.add_argument(
        '--seed', type=int, help='of the run; by default that of the config'
    )
    parser.add_argument(
        '--device', default=get_device(), help='such as cpu or cuda:0'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override values of the config, KEY=VALUE ..., such as '
        'model.batch_transforms.0.type=CutMix',
    )
    args = parser.parse_args(argv)
    if args.num < 1:
        parser.error(f'--num {args.num} must be at least 1')
    if args.checkpoint and not Path(args.checkpoint).is_file():
        parser.error(f'no checkpoint {args.checkpoint}')
    name = Path(args.config).stem
    args.output = args.output or Path('work_dirs', name, 'mixes.png')
    return args


def build_model(cfg: Config, checkpoint: str | None, device: str) -> nn.Module:
    """Build the model as Runner does; without a checkpoint it is not used.

    Raises:
        ValueError: If the config does not mix.
    """
    if not cfg.model.get('batch_transforms'):
        raise ValueError(
            f'{cfg.filename}: model.batch_transforms is missing or empty, so '
            'nothing is mixed: take a config of semi-supervised training, '
            'such as those in configs/classmix'
        )
    if cfg.get('data_preprocessor'):
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    model = MODELS.build(cfg.model)
    if checkpoint:
        load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    return model.to(device)


def build_dataloader(cfg: Config, seed: int, fewest: int = 2) -> DataLoader:
    """Build the stream of training in this process.

    Configs for several processes may have one image of a kind in each; if
    that is fewer than a mix needs, the batch is that of two processes.
    """
    loader = cfg.train_dataloader
    loader.update(num_workers=0, persistent_workers=False)
    loader.pop('prefetch_factor', None)
    built = Runner.build_dataloader(loader, seed)
    if min(getattr(built.sampler, 'source_counts', [2])) >= fewest:
        return built
    print('one image of a kind in a process: taking the batch of two')
    loader.batch_size *= 2
    loader.sampler.batch_size *= 2
    return Runner.build_dataloader(loader, seed)


def draw(
    mixes: list[Mix], title: str, source: str, metainfo: dict
) -> np.ndarray:
    """Draw one mix a row, (H, W, 3) uint8 RGB.

    Args:
        mixes: At least one.
        title: Above the grid.
        source: Title of the labels of A.
        metainfo: ``classes`` and ``palette`` of the dataset.
    """
    classes, palette = metainfo['classes'], metainfo['palette']

    def paint(name: str) -> list[np.ndarray]:
        return [
            colorize(getattr(m, name), palette, m.ignore_index) for m in mixes
        ]

    names = zip(*(mix.names for mix in mixes), strict=True)
    columns = [
        Column('image A', [m.image for m in mixes], next(names), True),
        Column('image B', [m.partner for m in mixes], next(names), True),
        Column(source, paint('label')),
        Column('mask (white: A)', [gray(mix.mask) for mix in mixes]),
        Column('mixed image', [m.mixed_image for m in mixes], smooth=True),
        Column('mixed label', paint('mixed_label')),
    ]
    return draw_image_grid(columns, title, classes, palette, CELL)


def main(argv: Sequence[str] | None = None) -> None:
    """Mix and draw."""
    args = parse_args(argv)
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    seed = args.seed
    if seed is None:
        seed = cfg.get('randomness', {}).get('seed') or 0
    model = build_model(cfg, args.checkpoint, args.device)
    dataloader = build_dataloader(cfg, seed, model.fewest_unlabeled)
    predict = args.checkpoint is not None
    mixes = browse_mixes(model, dataloader, seed, predict)
    names = [t['type'] for t in cfg.model.batch_transforms]
    teacher = f'teacher: {Path(args.checkpoint).name}' if predict else ''
    title = ', '.join(filter(None, [' + '.join(names), teacher]))
    true = not predict or 'labeled' in model.mix_sources
    picture = draw(
        list(islice(mixes, args.num)),
        f'{title} ({Path(args.config).name}, seed {seed})',
        'ground truth of A' if true else 'prediction for A',
        dataloader.dataset.metainfo,
    )
    save_picture(picture, args.output)


if __name__ == '__main__':
    main()
