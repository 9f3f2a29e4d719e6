"""The sky and the far end of the street."""

import numpy as np

from mmseg_classmix.demo.drawing.canvas import (
    BUILDING,
    SKY,
    VEGETATION,
    WARM,
    Canvas,
    pick_paint,
    ring,
    shade,
)
from mmseg_classmix.demo.drawing.plants import pick_leaf
from mmseg_classmix.demo.drawing.street import FAR, Street


def draw_sky(canvas: Canvas, rng: np.random.Generator, street: Street) -> None:
    """Fill the picture with a gradient and some clouds."""
    height, width = canvas.color.shape[:2]
    zenith = np.array([210, 165, 120]) * rng.uniform(0.8, 1.2, 3)
    if street.dusk:
        zenith = np.array([110, 75, 70]) * rng.uniform(0.7, 1.3, 3)
    if rng.random() < 0.35:
        zenith = np.full(3, zenith.mean()) * rng.uniform(0.8, 1.3)
    ramp = np.linspace(0, 1, height)[:, None] * height / canvas.center[1]
    ramp = np.clip(ramp, 0, 1)
    rows = zenith * (1 - ramp) + np.array(street.haze) * ramp
    canvas.color[:] = np.clip(rows, 0, 255).astype(np.uint8)[:, None]
    grain = int(rng.integers(0, 25))
    canvas.surface[:] = np.array((SKY, grain, 0), np.uint8)
    for _ in range(rng.integers(0, 7)):
        x, y = rng.uniform(0, width), rng.uniform(0, canvas.center[1])
        tone = shade(street.haze, rng.uniform(0.8, 1.3))
        for _ in range(4):
            wide = rng.uniform(0.03, 0.09) * width
            shift = rng.uniform(-1, 1, 2) * wide * [1.3, 0.25]
            cloud = ring(x + shift[0], y + shift[1], wide, wide * 0.3, 16)
            canvas.paint(np.rint(cloud).astype(np.int32), tone)


def draw_horizon(canvas: Canvas, rng: np.random.Generator) -> None:
    """Close the far end with houses or trees, or leave it open."""
    steps = int(rng.integers(6, 16))
    wall = rng.random() < 0.5
    for x in np.linspace(-110, 110, steps):
        if rng.random() < 0.2:
            continue
        wide, tall = rng.uniform(8, 18), rng.uniform(3, 22)
        if wall:
            color = pick_paint(rng, 0.4, 0.4, WARM)
            outline = [[-wide, 0], [wide, 0], [wide, tall], [-wide, tall]]
            surface = (BUILDING, 60, 90)
        else:
            color, surface = pick_leaf(rng), (VEGETATION, 150, 90)
            outline = ring(0, 0, wide, tall * 0.6, 14)[:8]
        canvas.card(x, FAR, outline, color, surface)
