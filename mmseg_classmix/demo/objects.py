"""Cars, persons, poles, signs, trees and bushes."""

from collections.abc import Iterator

import numpy as np

from mmseg_classmix.demo.canvas import (
    CAR,
    PERSON,
    POLE,
    SIGN,
    VEGETATION,
    Canvas,
    Color,
    Rng,
    box,
    pick_paint,
    ring,
    shade,
)

# Corners of a vertical face: bottom left, bottom right, top right, top left.
_FACES = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


class _Car:
    def __init__(self, rng: Rng, x: float, z: float, turn: float):
        van = rng.random() < 0.25
        self.length = rng.uniform(3.6, 4.8) + van * rng.uniform(0, 1.5)
        self.width = rng.uniform(1.6, 1.9) + 0.2 * van
        self.waist = rng.uniform(0.8, 1.0) + 0.15 * van
        self.top = self.waist + rng.uniform(0.5, 0.65) + 0.6 * van
        self.front = self.length * (0.1 if van else rng.uniform(0.2, 0.3))
        self.back = self.length * (0.0 if van else rng.uniform(0, 0.18))
        self.slope = 0.1 if van else rng.uniform(0.25, 0.6)
        self.place = np.array([x, 0.0, z])
        cos, sin = np.cos(turn), np.sin(turn)
        self.axes = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        self.paint = pick_paint(rng)
        self.glass = shade((60, 50, 40), rng.uniform(0.4, 3))
        self.surface = (CAR, int(rng.integers(5, 60)), z)
        self.panel = van and rng.random() < 0.5

    def at(self, points: np.ndarray) -> np.ndarray:
        """Move (..., 3) points of the car (side, up, ahead) to the world."""
        return np.asarray(points) @ self.axes + self.place

    def block(self, low: float, high: float, cabin: bool) -> np.ndarray:
        """Return the (8, 3) corners of the body or of the cabin."""
        half, lean = self.width / 2, 0.0
        back, ahead = -self.length / 2, self.length / 2
        if cabin:
            half, lean = half * 0.95, self.slope
            back, ahead = back + self.back, ahead - self.front
        corners = []
        for y, inset in ((low, 0.0), (high, lean)):
            side = half - inset * 0.25
            corners += [
                [-side, y, back + inset * 0.5],
                [side, y, back + inset * 0.5],
                [side, y, ahead - inset],
                [-side, y, ahead - inset],
            ]
        return self.at(corners)


def _visible(block: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the sides of a projected block that the camera sees."""
    for index, face in enumerate(_FACES):
        polygon = block[list(face)]
        (ax, ay), (bx, by), (cx, cy) = polygon[:3].tolist()
        if (bx - ax) * (cy - by) - (by - ay) * (cx - bx) < 0:
            yield index, polygon


def draw_car(
    canvas: Canvas, rng: Rng, x: float, z: float, turn: float
) -> None:
    """Draw a car at (x, z), turned by radians; 0 faces away."""
    car = _Car(rng, x, z, turn)
    half, end = car.width / 2 + 0.15, car.length / 2 + 0.2
    ground = [[-half, 0, -end], [half, 0, -end], [half, 0, end]]
    canvas.darken(car.at([*ground, [-half, 0, end]]), rng.uniform(0.3, 0.6))
    body = canvas.project(car.block(0.25, car.waist, cabin=False))
    _draw_wheels(canvas, car, near=False)
    for index, polygon in _visible(body):
        tone = 0.9 if index % 2 else 0.75
        canvas.paint(polygon, shade(car.paint, tone), car.surface)
        if index % 2 == 0:
            _draw_lamps(canvas, car, rear=index == 0)
    canvas.paint(body[4:], shade(car.paint, 1.1), car.surface)
    _draw_wheels(canvas, car, near=True)
    cabin = canvas.project(car.block(car.waist, car.top, cabin=True))
    for index, polygon in _visible(cabin):
        canvas.paint(polygon, shade(car.paint, 0.95), car.surface)
        _draw_glass(canvas, car, polygon, index)
    canvas.paint(cabin[4:], shade(car.paint, 1.15), car.surface)


def _draw_glass(
    canvas: Canvas, car: _Car, polygon: np.ndarray, index: int
) -> None:
    if car.panel and index != 2:
        return
    a, b, c, d = polygon.astype(np.float64)
    spans = ((0.06, 0.47), (0.53, 0.94)) if index % 2 else ((0.08, 0.92),)
    for start, stop in spans:
        left, right = a + (b - a) * start, a + (b - a) * stop
        up_left, up_right = d + (c - d) * start, d + (c - d) * stop
        glass = [
            left + (up_left - left) * 0.12,
            right + (up_right - right) * 0.12,
            right + (up_right - right) * 0.85,
            left + (up_left - left) * 0.85,
        ]
        canvas.paint(np.rint(glass).astype(np.int32), car.glass)


def _draw_wheels(canvas: Canvas, car: _Car, near: bool) -> None:
    """Draw the two wheels of the side turned to (or from) the camera."""
    eye = car.axes @ -car.place
    side = np.sign(eye[0]) * (1 if near else -1) * car.width / 2
    for ahead in (-0.31, 0.31):
        rim = ring(ahead * car.length, 0.32, 0.34, 0.34, 12)
        points = np.column_stack([np.full(12, side), rim[:, 1], rim[:, 0]])
        canvas.solid(car.at(points), (28, 26, 26), car.surface)
        if near:
            hub = points * [1, 0.5, 0.5]
            hub[:, 1:] += [0.16, ahead * car.length * 0.5]
            canvas.solid(car.at(hub), (130, 130, 130))


def _draw_lamps(canvas: Canvas, car: _Car, rear: bool) -> None:
    """Draw lamps, plate and bumper of the rear or the front."""
    end = car.length / 2 * (-1 if rear else 1)
    high = car.waist - 0.12
    lamp = (40, 40, 200) if rear else (225, 235, 235)
    for outline, color in (
        (box(-0.5, 0.25, 0.5, 0.42), (45, 45, 45)),
        (box(-0.48, high - 0.18, -0.48 + 0.18, high), lamp),
        (box(0.3, high - 0.18, 0.3 + 0.18, high), lamp),
        (box(-0.15, 0.45, 0.15, 0.57), (215, 215, 215)),
    ):
        points = np.column_stack(
            [outline[:, 0] * car.width, outline[:, 1], np.full(4, end)]
        )
        canvas.solid(car.at(points), color)


_SIGN_COLORS = (
    ((50, 50, 205), (225, 225, 225)),
    ((225, 225, 225), (190, 90, 30)),
    ((40, 40, 40), (30, 200, 230)),
)


def draw_person(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """Draw a standing or walking person at (x, z)."""
    size = rng.uniform(1.5, 1.95) * (0.65 if rng.random() < 0.12 else 1)
    surface = (PERSON, int(rng.integers(5, 70)), z)
    coat, trousers = pick_paint(rng), pick_paint(rng, 0.6, 0.6)
    skin = shade((120, 155, 205), rng.uniform(0.35, 1.15))
    wide, step = rng.uniform(0.1, 0.15), rng.uniform(0, 0.14)

    def part(outline: np.ndarray | list, color: Color) -> None:
        canvas.card(x, z, np.asarray(outline) * size, color, surface)

    shadow = ring(x, z, 0.35, 0.3)
    canvas.darken(np.insert(shadow, 1, 0, axis=1), 0.6)
    for side in (-1, 1):
        foot, hip = side * (0.04 + step), side * 0.045
        leg = [[foot - 0.035, 0], [foot + 0.035, 0]]
        leg += [[hip + 0.05, 0.5], [hip - 0.05, 0.5]]
        part(leg, shade(trousers, 1 if side > 0 else 0.8))
        part(box(foot - 0.04, 0, foot + 0.05, 0.035), (35, 35, 40))
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
    part(ring(0, 0.945, 0.066, 0.06)[:6], pick_paint(rng, 0.5, 0.7))
    if rng.random() < 0.35:
        left = rng.choice([-1, 1]) * wide - 0.06
        part(box(left, 0.42, left + 0.13, 0.64), pick_paint(rng))


def draw_pole(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """Draw a street lamp, a mast or a bollard at (x, z)."""
    height = rng.choice([1.0, 3.5, 6.0, 8.0]) * rng.uniform(0.8, 1.2)
    thick = rng.uniform(0.16, 0.3)
    color = shade((130, 130, 130), rng.uniform(0.4, 1.1))
    surface = (POLE, 20, z)
    canvas.card(x, z, box(-thick, 0, thick, height), color, surface)
    if height > 4:
        reach = rng.uniform(0.8, 2.2) * -np.sign(x)
        arm = box(min(0, reach), height - 0.15, max(0, reach), height)
        canvas.card(x, z, arm, color, surface)
        lamp = ring(reach, height - 0.12, 0.35, 0.14)
        canvas.card(x, z, lamp, shade(color, 1.4), surface)


def draw_sign(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
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


def pick_leaf(rng: Rng) -> Color:
    """Draw the color of leaves: mostly green, sometimes of the autumn."""
    tint = np.array([[50, 105, 70], [40, 80, 110], [45, 120, 150]])
    leaf = tint[rng.choice(3, p=[0.7, 0.2, 0.1])] * rng.uniform(0.6, 1.4, 3)
    return tuple(float(min(255, channel)) for channel in leaf)


def _draw_leaves(
    canvas: Canvas,
    rng: Rng,
    place: tuple[float, float],
    crown: tuple[float, float, float],
    blobs: int,
) -> None:
    """Draw clumps of leaves around a crown (height, radius x, radius y)."""
    x, z = place
    height, wide, tall = crown
    surface = (VEGETATION, int(rng.integers(70, 220)), z)
    leaf = pick_leaf(rng)
    spots = rng.uniform(-1, 1, (blobs, 2))
    # Light comes from above: the upper clumps are the brighter ones.
    for right, up in spots[np.argsort(spots[:, 1])]:
        size = rng.uniform(0.35, 0.6)
        blob = ring(right * wide * 0.65, height + up * tall * 0.6, 1, 1, 12)
        middle = blob.mean(0)
        jag = rng.uniform(0.75, 1.2, (12, 1))
        blob = middle + (blob - middle) * jag * [wide * size, tall * size]
        tone = (0.85 + 0.3 * up) * rng.uniform(0.8, 1.2)
        canvas.card(x, z, blob, shade(leaf, tone), surface)


def draw_tree(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """Draw a tree with a round or a pointed crown at (x, z)."""
    trunk = rng.uniform(1.6, 3.2)
    wide, tall = rng.uniform(1, 2.6), rng.uniform(1.2, 2.8)
    thick = rng.uniform(0.12, 0.25)
    bark = shade((70, 85, 100), rng.uniform(0.4, 1.2))
    surface = (VEGETATION, 120, z)
    top = trunk + tall
    outline = [[-thick, 0], [thick, 0], [thick * 0.6, top]]
    outline.append([-thick * 0.6, top])
    canvas.card(x, z, outline, bark, surface)
    if rng.random() < 0.75:
        crown = (trunk + tall * 0.8, wide, tall)
        _draw_leaves(canvas, rng, (x, z), crown, int(rng.integers(7, 13)))
        return
    leaf = pick_leaf(rng)
    for level in range(4):
        low, width = 0.6 + level * tall * 0.55, wide * (1 - level * 0.2) * 0.7
        cone = [[-width, low], [width, low], [0, low + tall]]
        canvas.card(x, z, cone, shade(leaf, 0.7 + 0.13 * level), surface)


def draw_bush(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """Draw a bush at (x, z)."""
    tall = rng.uniform(0.3, 0.8)
    crown = (tall, rng.uniform(0.5, 1.6), tall)
    _draw_leaves(canvas, rng, (x, z), crown, int(rng.integers(4, 8)))
