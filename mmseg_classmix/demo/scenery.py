"""Sky, horizon, ground and houses: what a street leads through."""

import numpy as np

from mmseg_classmix.demo.canvas import (
    BUILDING,
    ROAD,
    SIDEWALK,
    SKY,
    VEGETATION,
    WARM,
    Canvas,
    Color,
    Rng,
    pick_paint,
    ring,
    shade,
)
from mmseg_classmix.demo.objects import draw_bush, draw_tree, pick_leaf

FAR = 120.0


class Street:
    """Measures in meters and the light of one scene."""

    def __init__(self, rng: Rng):
        width = rng.uniform(6, 12)
        self.left = -width * rng.uniform(0.3, 0.6)
        self.right = self.left + width
        self.dusk = bool(rng.random() < 0.25)
        haze = np.array([215, 205, 195]) * rng.uniform(0.9, 1.1, 3)
        if self.dusk:
            haze = np.array([130, 120, 130]) * rng.uniform(0.75, 1.25, 3)
        self.haze: Color = tuple(np.minimum(haze, 255).tolist())
        self.thickness = rng.choice([0.002, 0.005, 0.01])
        self.thickness *= rng.uniform(0.7, 1.3)
        self.walk = rng.uniform(2, 5)
        self.sun = int(rng.choice([-1, 0, 1]))

    def edge(self, side: int) -> float:
        """Return where the road ends on the left (-1) or right (1)."""
        return self.left if side < 0 else self.right


def draw_sky(canvas: Canvas, rng: Rng, street: Street) -> None:
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


def draw_horizon(canvas: Canvas, rng: Rng) -> None:
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


def strip(left: float, right: float, near: float, far: float) -> np.ndarray:
    """Return the (24, 3) outline of a strip of ground along the street."""
    z = near * (far / near) ** np.linspace(0, 1, 12)
    points = np.zeros((24, 3))
    points[:12, 0], points[12:, 0] = left, right
    points[:12, 2], points[12:, 2] = z, z[::-1]
    return points


def draw_ground(canvas: Canvas, rng: Rng, street: Street) -> None:
    """Draw lawn or plaza, sidewalks, road and what is painted on it."""
    near = 0.8
    for side in (-1, 1):
        lawn = rng.random() < 0.5
        color = pick_leaf(rng) if lawn else pick_paint(rng, 0.3, 0.6)
        label = VEGETATION if lawn else SIDEWALK
        plane = strip(street.edge(side), side * 250, near, 3 * FAR)
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
    canvas: Canvas, rng: Rng, street: Street, side: int, paving: Color
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
    canvas: Canvas, rng: Rng, street: Street, asphalt: Color
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


def draw_shadows(canvas: Canvas, rng: Rng, street: Street) -> None:
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


def draw_block(canvas: Canvas, rng: Rng, street: Street, side: int) -> None:
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
    rng: Rng,
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
        canvas.solid(_windows(a, b, floors, storey, style), glass)


def _upright(
    a: tuple[float, float], b: tuple[float, float], low: float, high: float
) -> np.ndarray:
    """Return the (4, 3) wall over the ground from (x, z) a to b."""
    corners = (a, low), (b, low), (b, high), (a, high)
    return np.array([[x, y, z] for (x, z), y in corners])


def _windows(
    a: tuple[float, float],
    b: tuple[float, float],
    floors: int,
    storey: float,
    style: np.ndarray,
) -> np.ndarray:
    """Return the (N, 4, 3) windows of the wall from (x, z) a to b.

    ``style`` is width, height and sill of a window as shares of its cell.
    """
    wide, tall, sill = style
    length = abs(b[0] - a[0]) + abs(b[1] - a[1])
    columns = max(1, int(length / 2.6))
    share = (np.arange(columns) + 0.5) / columns
    half = wide / columns / 2
    along = share[:, None] + np.array([-half, half, half, -half])
    low = np.arange(floors)[:, None] * storey + storey * sill
    up = low + storey * np.array([0, 0, tall, tall]) * (1 - sill)
    x, z = (a[i] + (b[i] - a[i]) * along for i in range(2))
    panes = np.stack(np.broadcast_arrays(x, up[:, None], z), -1)
    return panes.reshape(-1, 4, 3)
