"""Persons, poles and signs: flat shapes that face the camera."""

import numpy as np

from mmseg_classmix.demo.drawing.canvas import (
    PERSON,
    POLE,
    SIGN,
    Canvas,
    Color,
    box,
    pick_paint,
    ring,
    shade,
)

_SIGN_COLORS = (
    ((50, 50, 205), (225, 225, 225)),
    ((225, 225, 225), (190, 90, 30)),
    ((40, 40, 40), (30, 200, 230)),
)


def draw_person(
    canvas: Canvas, rng: np.random.Generator, x: float, z: float
) -> None:
    """Draw a standing or walking person at (x, z)."""
    size = rng.uniform(1.5, 1.95) * (0.65 if rng.random() < 0.12 else 1)
    surface = (PERSON, int(rng.integers(5, 70)), z)
    coat, trousers = pick_paint(rng), pick_paint(rng, 0.6, 0.6)
    skin = shade((120, 155, 205), rng.uniform(0.35, 1.15))
    wide, step = rng.uniform(0.1, 0.15), rng.uniform(0, 0.14)

    def part(outline: np.ndarray | list, color: Color) -> None:
        canvas.card(x, z, np.asarray(outline) * size, color, surface)

    canvas.darken(
        np.column_stack([ring(x, z, 0.35, 0.3), np.zeros(10)])[:, [0, 2, 1]],
        0.6,
    )
    for side in (-1, 1):
        foot, hip = side * (0.04 + step), side * 0.045
        leg = [[foot - 0.035, 0], [foot + 0.035, 0]]
        leg += [[hip + 0.05, 0.5], [hip - 0.05, 0.5]]
        part(leg, shade(trousers, 1 if side > 0 else 0.8))
        shoe = box(foot - 0.04, 0, foot + 0.05, 0.035)
        part(shoe, (35, 35, 40))
    hem = rng.choice([0.46, 0.46, 0.36, 0.25])
    body = [[-wide * 0.9, hem], [wide * 0.9, hem], [wide, 0.78]]
    body += [[0.04, 0.84], [-0.04, 0.84], [-wide, 0.78]]
    part(body, coat)
    for side in (-1, 1):
        swing = wide + rng.uniform(0, 0.09)
        arm = [[side * wide * 0.75, 0.8], [side * wide * 1.1, 0.78]]
        arm += [[side * (swing + 0.03), 0.45], [side * (swing - 0.03), 0.45]]
        part(arm, shade(coat, 0.8))
    part(ring(0, 0.92, 0.062, 0.078), skin)
    hair = ring(0, 0.945, 0.066, 0.06)[:6]
    part(hair, pick_paint(rng, 0.5, 0.7))
    if rng.random() < 0.35:
        left = rng.choice([-1, 1]) * wide - 0.06
        part(box(left, 0.42, left + 0.13, 0.64), pick_paint(rng))


def draw_pole(
    canvas: Canvas, rng: np.random.Generator, x: float, z: float
) -> None:
    """Draw a street lamp, a mast or a bollard at (x, z)."""
    height = rng.choice([1.0, 3.5, 6.0, 8.0]) * rng.uniform(0.8, 1.2)
    thick = rng.uniform(0.16, 0.3)
    color, surface = (
        shade((130, 130, 130), rng.uniform(0.4, 1.1)),
        (POLE, 20, z),
    )
    canvas.card(x, z, box(-thick, 0, thick, height), color, surface)
    if height > 4:
        reach = rng.uniform(0.8, 2.2) * -np.sign(x)
        arm = box(min(0, reach), height - 0.15, max(0, reach), height)
        canvas.card(x, z, arm, color, surface)
        lamp = ring(reach, height - 0.12, 0.35, 0.14)
        canvas.card(x, z, lamp, shade(color, 1.4), surface)


def draw_sign(
    canvas: Canvas, rng: np.random.Generator, x: float, z: float
) -> None:
    """Draw a round, three-cornered or rectangular sign on its pole."""
    height, size = rng.uniform(1.9, 3), rng.uniform(0.7, 1.2)
    thick = rng.uniform(0.1, 0.2)
    post = box(-thick, 0, thick, height)
    gray = shade((130, 130, 130), rng.uniform(0.4, 1.1))
    canvas.card(x, z, post, gray, (POLE, 20, z))
    wide = size * rng.uniform(0.8, 1.8)
    triangle = np.array([[-1, -0.8], [1, -0.8], [0, 0.95]])
    shapes = [
        ring(0, 0, 1, 1, 14),
        triangle,
        -triangle,
        box(-1, -1, 1, 1) * [wide / size, 0.8],
        ring(0, 0, 1, 1, 4),
    ]
    shape = shapes[rng.integers(5)] * size
    edge, face = _SIGN_COLORS[rng.integers(len(_SIGN_COLORS))]
    surface = (SIGN, int(rng.integers(0, 40)), z)
    canvas.card(x, z, shape + [0, height], edge, surface)
    canvas.card(x, z, shape * 0.7 + [0, height], face, surface)
    mark = shape * rng.uniform(0.15, 0.4, 2) + [0, height]
    canvas.card(x, z, mark, (30, 30, 30), surface)
