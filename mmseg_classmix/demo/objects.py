"""Cars: solid bodies that may face any way."""

import numpy as np

from mmseg_classmix.demo.drawing.canvas import (
    CAR,
    Canvas,
    box,
    pick_paint,
    ring,
    shade,
)

# Corners of a vertical face: bottom left, bottom right, top right, top left.
_FACES = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


class _Car:
    """One car: its measures, its place and the way it faces."""

    def __init__(
        self, rng: np.random.Generator, x: float, z: float, turn: float
    ):
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
        self.grain = int(rng.integers(5, 60))
        self.panel = van and rng.random() < 0.5

    def at(self, points: np.ndarray) -> np.ndarray:
        """Move (..., 3) points of the car (side, up, ahead) to the world."""
        return np.asarray(points) @ self.axes + self.place

    def block(self, low: float, high: float, cabin: bool) -> np.ndarray:
        """Return the (8, 3) corners of the body or of the cabin."""
        half = self.width / 2 * (0.95 if cabin else 1)
        back, ahead = -self.length / 2, self.length / 2
        lean = 0.0
        if cabin:
            back, ahead = back + self.back, ahead - self.front
            lean = self.slope
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


def _faces_camera(polygon: np.ndarray) -> bool:
    """Whether a projected (N, 2) polygon is seen from its outside."""
    (ax, ay), (bx, by), (cx, cy) = polygon[:3].tolist()
    return (bx - ax) * (cy - by) - (by - ay) * (cx - bx) < 0


def draw_car(
    canvas: Canvas, rng: np.random.Generator, x: float, z: float, turn: float
) -> None:
    """Draw a car.

    Args:
        canvas: Drawn upon.
        rng: Chooses its kind and color.
        x: Middle of the car, meters to the right.
        z: Middle of the car, meters ahead.
        turn: Way it faces, radians; 0 is away from the camera.
    """
    car = _Car(rng, x, z, turn)
    surface = (CAR, car.grain, z)
    half, end = car.width / 2 + 0.15, car.length / 2 + 0.2
    ground = [[-half, 0, -end], [half, 0, -end], [half, 0, end]]
    canvas.darken(car.at([*ground, [-half, 0, end]]), rng.uniform(0.3, 0.6))
    body = canvas.project(car.block(0.25, car.waist, cabin=False))
    _draw_wheels(canvas, car, surface, near=False)
    for index, face in enumerate(_FACES):
        polygon = body[list(face)]
        if _faces_camera(polygon):
            tone = (0.75, 0.9, 0.75, 0.9)[index]
            canvas.paint(polygon, shade(car.paint, tone), surface)
            if index in (0, 2):
                _draw_lamps(canvas, car, rear=index == 0)
    canvas.paint(body[4:], shade(car.paint, 1.1), surface)
    _draw_wheels(canvas, car, surface, near=True)
    cabin = canvas.project(car.block(car.waist, car.top, cabin=True))
    for index, face in enumerate(_FACES):
        polygon = cabin[list(face)]
        if _faces_camera(polygon):
            _draw_window(canvas, car, polygon, index, surface)
    canvas.paint(cabin[4:], shade(car.paint, 1.15), surface)


def _draw_window(
    canvas: Canvas,
    car: _Car,
    polygon: np.ndarray,
    index: int,
    surface: tuple[int, int, float],
) -> None:
    """Draw one side of the cabin with its glass."""
    canvas.paint(polygon, shade(car.paint, 0.95), surface)
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


def _draw_wheels(
    canvas: Canvas, car: _Car, surface: tuple[int, int, float], near: bool
) -> None:
    """Draw the two wheels of the side turned to (or from) the camera."""
    eye = car.axes @ -car.place
    side = np.sign(eye[0]) * (1 if near else -1) * car.width / 2
    for ahead in (-0.31, 0.31):
        rim = ring(ahead * car.length, 0.32, 0.34, 0.34, 12)
        points = np.column_stack([np.full(12, side), rim[:, 1], rim[:, 0]])
        canvas.solid(car.at(points), (28, 26, 26), surface)
        if near:
            hub = points * [1, 0.5, 0.5]
            hub[:, 1:] += [0.16, ahead * car.length * 0.5]
            canvas.solid(car.at(hub), (130, 130, 130))


def _draw_lamps(canvas: Canvas, car: _Car, rear: bool) -> None:
    """Draw lamps, plate and bumper of the rear or the front."""
    end = car.length / 2 * (-1 if rear else 1)
    high = car.waist - 0.12
    lamp = (40, 40, 200) if rear else (225, 235, 235)
    shapes = [(box(-0.5, 0.25, 0.5, 0.42), (45, 45, 45))]
    for left in (-0.48, 0.3):
        shapes.append((box(left, high - 0.18, left + 0.18, high), lamp))
    shapes.append((box(-0.15, 0.45, 0.15, 0.57), (215, 215, 215)))
    for outline, color in shapes:
        points = np.column_stack(
            [outline[:, 0] * car.width, outline[:, 1], np.full(4, end)]
        )
        canvas.solid(car.at(points), color)
