"""Composition of a street scene, and its light."""

import cv2
import numpy as np

from mmseg_classmix.demo.canvas import Canvas
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


def draw_scene(
    rng: np.random.Generator, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one street scene; a pure function of the generator's state.

    Args:
        rng: Chooses everything.
        size: Height and width in pixels.

    Returns:
        Image, (H, W, 3) uint8 BGR, and mask, (H, W) uint8 with the classes
        0..8.
    """
    height, width = size
    canvas = Canvas(rng, (2 * height, 2 * width))
    street = Street.pick(rng)
    draw_sky(canvas, rng, street)
    draw_ground(canvas, rng, street)
    draw_horizon(canvas, rng)
    for side in (-1, 1):
        draw_block(canvas, rng, street, side)
    draw_shadows(canvas, rng, street)
    draw_objects(canvas, rng, street)
    # Drawn twice as large, so that edges of the small picture are smooth.
    color = cv2.resize(
        canvas.color, (width, height), interpolation=cv2.INTER_AREA
    )
    surface = np.ascontiguousarray(canvas.surface[::2, ::2])
    return develop(rng, street, color, surface), surface[..., 0].copy()


def draw_objects(
    canvas: Canvas, rng: np.random.Generator, street: Street
) -> None:
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


def _park(rng: np.random.Generator, street: Street) -> list[tuple]:
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


def develop(
    rng: np.random.Generator,
    street: Street,
    color: np.ndarray,
    surface: np.ndarray,
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
