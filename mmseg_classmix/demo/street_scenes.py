"""Procedural street scenes: a data set that needs no download."""

import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_classmix.demo.canvas import Canvas, Rng
from mmseg_classmix.demo.objects import (
    draw_bush,
    draw_car,
    draw_person,
    draw_pole,
    draw_sign,
    draw_tree,
)
from mmseg_classmix.demo.scenery import (
    Street,
    draw_block,
    draw_ground,
    draw_horizon,
    draw_shadows,
    draw_sky,
)

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
    meta = dict(version=_VERSION, num_images=counts, size=size, seed=seed)
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
    folders = [root / kind / split for kind in ('images', 'annotations')]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(f'{split}_[0-9]*.png'):
            stale.unlink()
    for index in range(count):
        rng = np.random.default_rng([seed, *split.encode(), index])
        for folder, picture in zip(
            folders, draw_scene(rng, size), strict=True
        ):
            path = folder / f'{split}_{index:04d}.png'
            if not cv2.imwrite(str(path), picture):
                raise OSError(f'cannot write {path}')


def draw_scene(
    rng: Rng, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a street scene of a (height, width), which ``rng`` alone decides.

    Returns:
        Image, (H, W, 3) uint8 BGR, and mask, (H, W) uint8 of 0..8.
    """
    height, width = size
    canvas = Canvas(rng, (2 * height, 2 * width))
    street = Street(rng)
    draw_sky(canvas, rng, street)
    draw_ground(canvas, rng, street)
    draw_horizon(canvas, rng)
    for side in (-1, 1):
        draw_block(canvas, rng, street, side)
    draw_shadows(canvas, rng, street)
    _draw_objects(canvas, rng, street)
    # Drawn twice as large, so that edges of the small picture are smooth.
    color = cv2.resize(
        canvas.color, (width, height), interpolation=cv2.INTER_AREA
    )
    surface = np.ascontiguousarray(canvas.surface[::2, ::2])
    return _develop(rng, street, color, surface), surface[..., 0].copy()


def _draw_objects(canvas: Canvas, rng: Rng, street: Street) -> None:
    """Place cars, persons, plants, poles and signs; draw from afar."""
    placed = []
    for draw, most, nearest, farthest in (
        (draw_person, 8, 3, 9),
        (draw_tree, 4, 8, 40),
        (draw_bush, 3, 5, 20),
        (draw_pole, 5, 4, 12),
        (draw_sign, 4, 4, 9),
    ):
        if rng.random() < 0.15:
            continue
        for _ in range(rng.integers(0, most + 1)):
            side = int(rng.choice([-1, 1]))
            x = street.edge(side) + side * rng.uniform(0.2, street.walk)
            if draw is draw_person and rng.random() < 0.3:
                x = rng.uniform(street.left, street.right)
            z = nearest * (farthest / nearest) ** rng.random()
            placed.append((z, draw, (x, z)))
    placed += _park(rng, street)
    for _, draw, where in sorted(placed, key=lambda item: -item[0]):
        draw(canvas, rng, *where)


def _park(rng: Rng, street: Street) -> list[tuple]:
    """Place cars: parked in rows, driving, and some across the street."""
    spots = []
    if rng.random() < 0.12:
        return spots
    for side in (-1, 1):
        z = rng.uniform(5, 30)
        while rng.random() < 0.6 and z < 50:
            turn = rng.normal(0, 0.06) + np.pi * (rng.random() < 0.5)
            x = street.edge(side) - side * rng.uniform(0.9, 1.2)
            spots.append((x, z, turn))
            z += rng.uniform(6.5, 12)
    for _ in range(rng.integers(0, 4)):
        x = rng.uniform(street.left + 2.5, street.right - 2.5)
        z, turn = 6 * 6 ** rng.random(), rng.choice([0, np.pi])
        if rng.random() < 0.35:
            turn = rng.uniform(0, 2 * np.pi)
        # Cars may hide, never cross each other.
        if all(abs(z - b) > 6 or abs(x - a) > 2.6 for a, b, _ in spots):
            spots.append((x, z, turn))
    return [(spot[1], draw_car, spot) for spot in spots]


def _develop(
    rng: Rng, street: Street, color: np.ndarray, surface: np.ndarray
) -> np.ndarray:
    """Add texture, haze, light, lens and sensor to the flat colors."""
    height, width = color.shape[:2]
    texture = np.zeros((height, width), np.float32)
    for scale, strength in ((1, 0.3), (2, 0.4), (5, 0.35), (16, 0.3)):
        shape = (height // scale + 2, width // scale + 2)
        noise = rng.standard_normal(shape, np.float32) * np.float32(strength)
        texture += cv2.resize(noise, (width, height))
    texture *= surface[..., 1].astype(np.float32) / 450
    image = color * (1 + texture)[..., None]
    depth = surface[..., 2].astype(np.float32)
    clear = np.exp(-np.float32(street.thickness) * depth)[..., None]
    haze = np.array(street.haze, np.float32)
    image = (image - haze) * clear + haze
    image = np.clip(image / 255, 0, 1) ** np.float32(rng.uniform(0.9, 1.15))
    light = rng.uniform(0.7, 0.95) if street.dusk else rng.uniform(0.85, 1.1)
    cast = light * rng.uniform(0.95, 1.05, 3)
    middle = image.mean()
    image = (image - middle) * np.float32(rng.uniform(0.8, 1.15)) + middle
    image = image * cast.astype(np.float32) * 255
    image = cv2.GaussianBlur(image, (3, 3), rng.uniform(0.2, 0.8))
    noise = rng.standard_normal(image.shape, np.float32)
    image += noise * np.float32(rng.uniform(1, 6))
    return np.clip(image, 0, 255).astype(np.uint8)
