"""Road, sidewalks, lawns and what is painted on them."""

import numpy as np

from mmseg_classmix.demo.drawing.canvas import (
    ROAD,
    SIDEWALK,
    VEGETATION,
    Canvas,
    Color,
    pick_paint,
    shade,
)
from mmseg_classmix.demo.drawing.plants import pick_leaf
from mmseg_classmix.demo.drawing.street import FAR, Street

_RAMP = np.linspace(0, 1, 12)


def strip(left: float, right: float, near: float, far: float) -> np.ndarray:
    """Return the (24, 3) outline of a strip of ground along the street."""
    z = near * (far / near) ** _RAMP
    points = np.zeros((24, 3))
    points[:12, 0], points[12:, 0] = left, right
    points[:12, 2], points[12:, 2] = z, z[::-1]
    return points


def draw_ground(
    canvas: Canvas, rng: np.random.Generator, street: Street
) -> None:
    """Draw lawn or plaza, sidewalks, road and what is painted on it."""
    near = 0.8
    for side in (-1, 1):
        lawn = rng.random() < 0.5
        color = pick_leaf(rng) if lawn else pick_paint(rng, 0.3, 0.6)
        label = VEGETATION if lawn else SIDEWALK
        edge = street.edge(side)
        plane = strip(edge, side * 250, near, 3 * FAR)
        canvas.solid(plane, color, (label, int(rng.integers(30, 160)), 60))
    paving = shade(pick_paint(rng, 0.3, 0.6), 0.6)
    paving = tuple(channel + 70 for channel in paving)
    grain = int(rng.integers(20, 130))
    asphalt = shade((110, 108, 106), rng.uniform(0.5, 1.3))
    for side in (-1, 1):
        edge = street.edge(side)
        slabs = strip(edge, edge + side * street.walk, near, FAR)
        canvas.solid(slabs, paving, (SIDEWALK, grain, 15))
        _draw_joints(canvas, rng, street, side, paving)
    road = strip(street.left, street.right, near, FAR)
    canvas.solid(road, asphalt, (ROAD, int(rng.integers(15, 80)), 15))
    _draw_marks(canvas, rng, street, asphalt)
    for side in (-1, 1):
        edge = street.edge(side)
        curb = strip(edge, edge + side * 0.25, near, FAR)
        canvas.solid(curb, shade(paving, rng.uniform(0.7, 1.3)))


def _draw_joints(
    canvas: Canvas,
    rng: np.random.Generator,
    street: Street,
    side: int,
    paving: Color,
) -> None:
    """Draw the joints between the slabs of a sidewalk."""
    if rng.random() < 0.4:
        return
    edge = street.edge(side)
    z = np.arange(2.0, 16.0, rng.uniform(0.8, 1.6))
    joints = np.zeros((len(z), 4, 3))
    joints[:, :2, 0], joints[:, 2:, 0] = edge, edge + side * street.walk
    joints[..., 2] = z[:, None] + [0, 0.1, 0.1, 0]
    canvas.solid(joints, shade(paving, rng.uniform(0.75, 0.9)))


def _draw_marks(
    canvas: Canvas,
    rng: np.random.Generator,
    street: Street,
    asphalt: Color,
) -> None:
    """Draw patches, lane marks and now and then a crossing."""
    for _ in range(rng.integers(0, 5)):
        x, z = rng.uniform(street.left, street.right), rng.uniform(3, 25)
        right = min(street.right, x + rng.uniform(0.5, 3))
        patch = strip(x, right, z, z + rng.uniform(0.5, 8))
        canvas.solid(patch, shade(asphalt, rng.uniform(0.75, 1.25)))
    white = shade((225, 230, 230), rng.uniform(0.7, 1))
    if rng.random() < 0.75:
        middle = (street.left + street.right) / 2
        gap = rng.choice([3.0, 6.0])
        for z in np.arange(rng.uniform(1, 4), 60, 3 + gap):
            canvas.solid(strip(middle - 0.08, middle + 0.08, z, z + 3), white)
    if rng.random() < 0.4:
        for side in (-1, 1):
            x = street.edge(side) - side * 0.5
            canvas.solid(strip(x, x - side * 0.12, 0.8, FAR), white)
    if rng.random() < 0.3:
        z = rng.uniform(5, 18)
        for x in np.arange(street.left + 0.4, street.right - 0.5, 1):
            canvas.solid(strip(x, x + 0.5, z, z + 3), white)


def draw_shadows(
    canvas: Canvas, rng: np.random.Generator, street: Street
) -> None:
    """Lay the shadow of one row of houses over the street."""
    if street.sun == 0 or street.dusk:
        return
    edge = street.edge(street.sun) + street.sun * street.walk
    factor = rng.uniform(0.45, 0.75)
    z = rng.uniform(0.8, 10)
    while z < 60:
        far = z + rng.uniform(4, 20)
        reach = edge - street.sun * rng.uniform(1, 9)
        canvas.darken(strip(edge, reach, z, far), factor)
        z = far + rng.uniform(0.5, 8)
