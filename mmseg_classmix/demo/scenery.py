"""What borders the sidewalks: houses, and plants in their gaps."""

import numpy as np

from mmseg_classmix.demo.drawing.canvas import (
    BUILDING,
    WARM,
    Canvas,
    pick_paint,
    shade,
)
from mmseg_classmix.demo.drawing.plants import (
    draw_bush,
    draw_tree,
)
from mmseg_classmix.demo.drawing.street import Street


def draw_block(
    canvas: Canvas, rng: np.random.Generator, street: Street, side: int
) -> None:
    """Draw what borders one sidewalk: houses, hedges, trees, gaps."""
    built = rng.choice([0.15, 0.6, 0.95], p=[0.25, 0.25, 0.5])
    edge = street.edge(side) + side * street.walk
    lots = []
    start = rng.uniform(-4, 6)
    while start < 90:
        stop = start + rng.uniform(6, 20)
        lots.append((start, stop, rng.random() < built))
        start = stop + (rng.uniform(0, 6) if rng.random() < 0.3 else 0)
    for start, stop, house in reversed(lots):
        if house:
            span = (max(start, 0.9), stop)
            if stop > 1.5:
                _draw_house(canvas, rng, street, side, edge, span)
            continue
        for z in np.sort(rng.uniform(start, stop, rng.integers(0, 4)))[::-1]:
            if z > 3:
                plant = draw_tree if rng.random() < 0.6 else draw_bush
                plant(canvas, rng, edge + side * rng.uniform(0.5, 9), z)


def _draw_house(
    canvas: Canvas,
    rng: np.random.Generator,
    street: Street,
    side: int,
    edge: float,
    span: tuple[float, float],
) -> None:
    """Draw one house: the wall to the street and the one to the camera."""
    near, far = span
    floors = int(rng.integers(1, 7))
    storey = rng.uniform(2.7, 3.6)
    tall = floors * storey + rng.uniform(0.3, 1)
    deep = edge + side * rng.uniform(6, 14)
    wall = pick_paint(rng, 0.6, 0.2, WARM)
    surface = (BUILDING, int(rng.integers(10, 120)), (near + far) / 2)
    lit = 1.1 if street.sun == -side else 0.85
    front = _upright((edge, near), (deep, near), 0, tall)
    canvas.solid(front, shade(wall, rng.uniform(0.6, 0.95)), surface)
    face = _upright((edge, near), (edge, far), 0, tall)
    canvas.solid(face, shade(wall, lit), surface)
    if rng.random() < 0.4:
        base = _upright((edge, near), (edge, far), 0, storey)
        canvas.solid(base, shade(pick_paint(rng, 0.6, 0.4, WARM), lit))
    eaves = _upright((edge, near), (edge, far), tall - 0.4, tall)
    canvas.solid(eaves, shade(wall, rng.uniform(0.4, 1.3)))
    glass = shade((90, 80, 70), rng.uniform(0.3, 2.2))
    if street.dusk and rng.random() < 0.5:
        glass = (120, 200, 240)
    style = rng.uniform([0.3, 0.35, 0.25], [0.7, 0.75, 0.45])
    ends = ((edge, near), (edge, far)), ((edge, near), (deep, near))
    for a, b in ends[: 1 + int(rng.random() < 0.6)]:
        panes = _windows(a, b, floors, storey, style)
        canvas.solid(panes, glass)


def _upright(
    a: tuple[float, float], b: tuple[float, float], low: float, high: float
) -> np.ndarray:
    """Return the (4, 3) wall over the ground from (x, z) a to b."""
    return np.array(
        [
            [a[0], low, a[1]],
            [b[0], low, b[1]],
            [b[0], high, b[1]],
            [a[0], high, a[1]],
        ]
    )


def _windows(
    a: tuple[float, float],
    b: tuple[float, float],
    floors: int,
    storey: float,
    style: np.ndarray,
) -> np.ndarray:
    """Return the windows of a wall.

    Args:
        a: Where the wall begins, (x, z) in meters.
        b: Where it ends.
        floors: Number of rows.
        storey: Height of a row in meters.
        style: Width, height and sill of a window as shares of its cell.

    Returns:
        (N, 4, 3) corners in meters.
    """
    wide, tall, sill = style
    length = abs(b[0] - a[0]) + abs(b[1] - a[1])
    columns = max(1, int(length / 2.6))
    share = (np.arange(columns) + 0.5) / columns
    half = wide / columns / 2
    along = share[:, None] + np.array([-half, half, half, -half])
    low = np.arange(floors)[:, None] * storey + storey * sill
    up = low + storey * np.array([0, 0, tall, tall]) * (1 - sill)
    panes = np.empty((floors, columns, 4, 3))
    panes[..., 0] = a[0] + (b[0] - a[0]) * along
    panes[..., 1] = up[:, None]
    panes[..., 2] = a[1] + (b[1] - a[1]) * along
    return panes.reshape(-1, 4, 3)
