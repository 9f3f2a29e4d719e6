"""Procedural street scenes: a data set that needs no download."""

import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_classmix.demo.scene import draw_scene

__all__ = ['StreetScenesDataset', 'draw_scene', 'write_street_scenes']

# Raise it with every change of the drawing: older data is drawn anew.
_VERSION = 3


@DATASETS.register_module()
class StreetScenesDataset(BaseSegDataset):
    """Drawn street scenes with nine of the classes of Cityscapes.

    :func:`write_street_scenes` makes the files.

    Args:
        img_suffix: Suffix of the images.
        seg_map_suffix: Suffix of the masks.
        **kwargs: As for mmseg's ``BaseSegDataset``.
    """

    METAINFO = dict(
        classes=(
            'sky',
            'building',
            'road',
            'sidewalk',
            'vegetation',
            'car',
            'person',
            'pole',
            'sign',
        ),
        palette=[
            [70, 130, 180],
            [70, 70, 70],
            [128, 64, 128],
            [244, 35, 232],
            [107, 142, 35],
            [0, 0, 142],
            [220, 20, 60],
            [153, 153, 153],
            [220, 220, 0],
        ],
    )

    def __init__(
        self, img_suffix: str = '.png', seg_map_suffix: str = '.png', **kwargs
    ) -> None:
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs
        )


def write_street_scenes(
    root: str | Path,
    num_images: Mapping[str, int] | None = None,
    size: tuple[int, int] = (96, 192),
    seed: int = 0,
) -> bool:
    """Write ``images/SPLIT/NAME.png`` and ``annotations/SPLIT/NAME.png``.

    A scene depends on the seed, the name of its split and its index only:
    a larger data set begins with the scenes of a smaller one. Nothing is
    drawn where a complete data set of the same parameters already lies.

    Args:
        root: Folder of the data set, made if missing.
        num_images: Number of scenes of every split; by default 416 of
            'train' and 100 of 'val'.
        size: Height and width in pixels.
        seed: Seed of the data set, not negative.

    Returns:
        Whether anything was written.
    """
    root = Path(root)
    counts = dict(num_images or {'train': 416, 'val': 100})
    meta = dict(
        version=_VERSION, num_images=counts, size=list(size), seed=seed
    )
    done, text = root / 'meta.json', json.dumps(meta, sort_keys=True)
    if done.is_file() and done.read_text('utf-8') == text:
        return False
    # A half-written set must never look complete.
    done.unlink(missing_ok=True)
    for split, count in counts.items():
        _write_split(root, split, count, size, seed)
    done.write_text(text, 'utf-8')
    return True


def _write_split(
    root: Path, split: str, count: int, size: tuple[int, int], seed: int
) -> None:
    """Write the scenes of one split and remove older ones."""
    for kind in ('images', 'annotations'):
        folder = root / kind / split
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(f'{split}_[0-9]*.png'):
            stale.unlink()
    for index in range(count):
        rng = np.random.default_rng([seed, *split.encode(), index])
        name = f'{split}_{index:04d}.png'
        for kind, picture in zip(
            ('images', 'annotations'), draw_scene(rng, size), strict=True
        ):
            path = root / kind / split / name
            if not cv2.imwrite(str(path), picture):
                raise OSError(f'cannot write {path}')
