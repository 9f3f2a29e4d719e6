"""Draw where in the images each class is (paper, Figures 5 and 6).

Masks are read by the datasets of the config, resized by nearest neighbor to
one size and counted pixel by pixel.

    python tools/analysis_tools/class_distribution.py \
        configs/classmix/camvid_1-8_r18.py --split train
"""

import argparse
import os.path as osp
from collections.abc import Iterable, Sequence
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

import mmseg_classmix  # noqa: F401  registers the datasets
from mmseg_classmix.datasets.build_source import build_source
from mmseg_classmix.datasets.checked_pipeline import check_samples
from mmseg_classmix.datasets.wrappers import leaf_configs
from mmseg_classmix.visualization.image_grid import (
    axes_grid,
    picture_path,
    save_picture,
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


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
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
    args = parser.parse_args(argv)
    if args.size and min(args.size) < 1:
        parser.error(f'--size {args.size} must be positive')
    if args.output is None:
        folder = Path('work_dirs', Path(args.config).stem)
        args.output = folder / f'class_distribution_{args.split}.png'
    return args


def build_masks(cfg: Config, split: str) -> tuple[BaseDataset, list[dict]]:
    """Build the dataset of a split, its pipeline cut down to the mask.

    Returns:
        The dataset, and what its pipeline loads each mask by.

    Raises:
        ValueError: If the pipeline of the dataset loads no masks.
    """
    part = 'val' if split == 'val' else 'train'
    loader = cfg[f'{part}_dataloader']
    (place, source), *others = leaf_configs(
        f'{part}_dataloader.dataset', loader.dataset
    )
    loading = [t for t in source.pipeline if t['type'] == 'LoadAnnotations']
    if not loading:
        raise ValueError(
            f'{cfg.filename}: the pipeline of {place} has no LoadAnnotations, '
            'so there are no masks to count'
        )
    steps = [*loading[:1], dict(type='PackSegInputs')]
    labeled = build_source(place, dict(source, pipeline=steps))
    # An error says which mask has values that are no class.
    check_samples(place, labeled)
    infos = [labeled.get_data_info(i) for i in range(len(labeled))]
    if split == 'train' and others:
        more, missing = find_masks(labeled, dict(others).values())
        known = {info['seg_map_path'] for info in infos}
        infos += [info for path, info in more.items() if path not in known]
        print(f'unlabeled images without masks, left out: {missing}')
    return labeled, infos


def find_masks(
    labeled: BaseDataset, sources: Iterable[dict]
) -> tuple[dict[str, dict], int]:
    """Find masks of unlabeled images in the folder of the labeled ones.

    Returns:
        What loads a mask, by its path, and the number of images without.
    """
    folders, found, missing = labeled.data_prefix, {}, 0
    for dataset in map(DATASETS.build, sources):
        for i in range(len(dataset)):
            path = dataset.get_data_info(i)['img_path']
            name = osp.relpath(path, folders['img_path'])
            name = name.removesuffix(labeled.img_suffix)
            mask = osp.join(
                folders['seg_map_path'], name + labeled.seg_map_suffix
            )
            if fileio.isfile(mask, backend_args=labeled.backend_args):
                files = dict(img_path=path, seg_map_path=mask)
                found[mask] = dict(labeled.get_data_info(0), **files)
            else:
                missing += 1
    return found, missing


def count_classes(
    dataset: BaseDataset,
    infos: Sequence[dict],
    size: tuple[int, int] | None = None,
) -> Distribution:
    """Count the classes at every place of a common (height, width).

    Args:
        dataset: See :func:`build_masks`.
        infos: Likewise.
        size: Common height and width in pixels; see ``--size``.

    Raises:
        ValueError: If a mask has a value that is no class and not ignored,
            or no pixel has a class.
    """
    number = len(dataset.metainfo['classes'])
    pixels = np.zeros(number, np.int64)
    for i, info in enumerate(infos):
        sample = dataset.pipeline(info)['data_samples']
        mask = sample.gt_sem_seg.data[0].numpy()
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
    return Distribution(counts / len(infos), pixels / pixels.sum(), len(infos))


def draw(found: Distribution, classes: list[str], title: str) -> Figure:
    """Draw one map a class, all on one scale."""
    number, height, width = found.frequency.shape
    aspect = height / width
    columns = max(1, min(number, round((1.6 * number * aspect) ** 0.5)))
    figure, grid = axes_grid(ceil(number / columns), columns, 2.4, aspect)
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


def main(argv: Sequence[str] | None = None) -> None:
    """Count and draw."""
    args = parse_args(argv)
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset, infos = build_masks(cfg, args.split)
    classes = dataset.metainfo['classes']
    found = count_classes(dataset, infos, args.size)
    for name, share in zip(classes, found.share, strict=True):
        print(f'{name:20} {percent(share):>9}')
    title = (
        f'{found.masks} masks of {Path(args.config).name} ({args.split}); '
        'numbers: share of all labeled pixels'
    )
    save_picture(draw(found, classes, title), args.output)


if __name__ == '__main__':
    main()
