"""Draw where in the images each class is (paper, Figures 5 and 6).

Masks are read by the datasets of the config, resized by nearest neighbor to
one size and counted pixel by pixel.

    python tools/analysis_tools/class_distribution.py \
        configs/classmix/camvid_1-8_r18.py --split train
"""

import argparse
import os.path as osp
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from mmengine import fileio
from mmengine.config import Config, DictAction
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmseg_classmix.datasets import MultiSourceDataset
from mmseg_classmix.datasets.wrappers import leaf_configs
from mmseg_classmix.visualization.sheet import (
    new_sheet,
    picture_path,
    save_sheet,
    show,
)

SPLITS = dict(
    train='all training images that have masks: the labeled and, if their '
    'masks are there, the unlabeled ones',
    labeled='the labeled images of training',
    val='the validation images',
)
LONGEST_SIDE = 512


@dataclass
class Distribution:
    """Counts of the classes.

    Attributes:
        frequency: Share of the masks that show the class at a place of the
            common size, (classes, H, W) float64 in [0, 1].
        share: Share of the pixels with a class that have this one, counted
            at the masks' own sizes, (classes,) float64.
        masks: Number of masks.
    """

    frequency: np.ndarray
    share: np.ndarray
    masks: int


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config with train and val datasets')
    parser.add_argument(
        '--split',
        choices=SPLITS,
        default='train',
        help='; '.join(f'{name}: {text}' for name, text in SPLITS.items()),
    )
    parser.add_argument(
        '--output',
        type=picture_path,
        help='picture to write, '
        'work_dirs/CONFIG/class_distribution_SPLIT.png by default',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='common size in pixels; by default that of the first mask, but '
        f'at most {LONGEST_SIDE} on its longer side',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override values of the config, KEY=VALUE ...',
    )
    args = parser.parse_args()
    if args.size and min(args.size) < 1:
        parser.error(f'--size {args.size} must be positive')
    if args.output is None:
        folder = Path('work_dirs', Path(args.config).stem)
        args.output = folder / f'class_distribution_{args.split}.png'
    return args


def build_masks(cfg: Config, split: str) -> BaseDataset:
    """Build the dataset of a split, its pipeline cut down to the mask.

    Args:
        cfg: A whole config.
        split: One of ``SPLITS``.

    Returns:
        A dataset of samples with ``gt_sem_seg``.

    Raises:
        ValueError: If the pipeline of the dataset loads no masks.
    """
    part = 'val' if split == 'val' else 'train'
    place = f'{part}_dataloader.dataset'
    loader = cfg[f'{part}_dataloader']
    sources = [leaf for _, leaf in leaf_configs(place, loader.dataset)]
    loading = [
        t for t in sources[0].pipeline if t['type'] == 'LoadAnnotations'
    ]
    if not loading:
        raise ValueError(
            f'{cfg.filename}: the pipeline of {place} has no LoadAnnotations, '
            'so there are no masks to count'
        )
    source = dict(
        sources[0], pipeline=[*loading[:1], dict(type='PackSegInputs')]
    )
    labeled = DATASETS.build(source)
    if split != 'train' or len(sources) == 1:
        return labeled
    names, missing = masked_names(labeled, sources[1:])
    print(f'unlabeled images without masks, left out: {missing}')
    with tempfile.TemporaryDirectory() as folder:
        path = osp.join(folder, 'names.txt')
        Path(path).write_text('\n'.join(names) + '\n')
        dataset = DATASETS.build(dict(source, ann_file=path))
        # The list is gone when a lazy dataset would read it.
        dataset.full_init()
        return dataset


def masked_names(
    labeled: BaseDataset, others: Iterable[dict]
) -> tuple[list[str], int]:
    """Find the masks of all training images.

    Args:
        labeled: The labeled dataset, whose folder of masks is looked into.
        others: Configs of unlabeled datasets.

    Returns:
        Names as in ``ann_file``, sorted, and the number of unlabeled images
        without a mask.
    """
    folders = labeled.data_prefix
    names, missing = set(), 0
    for dataset in (labeled, *map(DATASETS.build, others)):
        for i in range(len(dataset)):
            path = dataset.get_data_info(i)['img_path']
            name = osp.relpath(path, folders['img_path'])
            name = name.removesuffix(labeled.img_suffix)
            mask = osp.join(
                folders['seg_map_path'], name + labeled.seg_map_suffix
            )
            if dataset is labeled or fileio.isfile(
                mask, backend_args=labeled.backend_args
            ):
                names.add(name)
            else:
                missing += 1
    return sorted(names), missing


def count_classes(
    dataset: BaseDataset, size: tuple[int, int] | None = None
) -> Distribution:
    """Count the classes at every place.

    Args:
        dataset: See :func:`build_masks`.
        size: Common height and width in pixels; see ``--size``.

    Returns:
        The counts.

    Raises:
        ValueError: If a mask has a value that is no class and not ignored,
            or no pixel has a class.
    """
    number = len(dataset.metainfo['classes'])
    # Checks the values of the masks.
    dataset = MultiSourceDataset([dataset])
    pixels = np.zeros(number, np.int64)
    for i in range(len(dataset)):
        mask = dataset[i]['data_samples'].gt_sem_seg.data[0].numpy()
        if i == 0:
            shrink = min(1, LONGEST_SIDE / max(mask.shape))
            size = size or [round(side * shrink) for side in mask.shape]
            counts = np.zeros((number, *size), np.int64)
        present = np.bincount(mask.ravel(), minlength=number)[:number]
        pixels += present
        # OpenCV resizes no int64.
        resized = cv2.resize(
            mask.astype(np.int32),
            size[::-1],
            interpolation=cv2.INTER_NEAREST_EXACT,
        )
        for label in present.nonzero()[0]:
            counts[label] += resized == label
    if not pixels.any():
        raise ValueError('all pixels of all masks are ignored')
    return Distribution(
        counts / len(dataset), pixels / pixels.sum(), len(dataset)
    )


def draw(found: Distribution, classes: list[str], title: str) -> Figure:
    """Draw one map a class, all on one scale."""
    number, height, width = found.frequency.shape
    aspect = height / width
    columns = max(1, min(number, round((1.6 * number * aspect) ** 0.5)))
    figure, grid = new_sheet(ceil(number / columns), columns, 2.4, aspect)
    # Rare classes would not be seen on a linear scale.
    scale = dict(cmap='magma_r', norm=PowerNorm(0.5, 0, 1))
    for i, axes in enumerate(grid.flat):
        if i >= number:
            axes.axis('off')
            continue
        image = show(axes, found.frequency[i], **scale)
        axes.set_title(f'{classes[i]}  {percent(found.share[i])}')
        if found.share[i] == 0:
            axes.text(
                0.5,
                0.5,
                'absent',
                transform=axes.transAxes,
                ha='center',
                va='center',
                color='0.4',
            )
    bar = figure.colorbar(
        image,
        ax=grid,
        location='bottom',
        shrink=0.6,
        aspect=40,
        ticks=[0, 0.01, 0.1, 0.25, 0.5, 1],
        format=lambda value, _: f'{value:.0%}',
    )
    bar.set_label(
        'share of the masks with the class at this place (square-root scale)'
    )
    figure.suptitle(title)
    return figure


def percent(share: float) -> str:
    """Write a share of pixels, such as 33.0%, 0.35% or (absent)."""
    if share == 0:
        return '(absent)'
    return f'{share:.1%}' if share >= 0.01 else f'{100 * share:.2g}%'


def main() -> None:
    """Count and draw."""
    args = parse_args()
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = build_masks(cfg, args.split)
    classes = dataset.metainfo['classes']
    found = count_classes(dataset, args.size)
    for name, share in zip(classes, found.share, strict=True):
        print(f'{name:20} {percent(share):>9}')
    title = (
        f'{found.masks} masks of {Path(args.config).name} ({args.split}); '
        'numbers: share of all labeled pixels'
    )
    save_sheet(draw(found, classes, title), args.output)


if __name__ == '__main__':
    main()
