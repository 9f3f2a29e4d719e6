"""A canvas with a camera: solid shapes of the world become pixels."""

import cv2
import numpy as np

SKY, BUILDING, ROAD, SIDEWALK, VEGETATION, CAR, PERSON, POLE, SIGN = range(9)

# Hues of brick, plaster and sandstone.
WARM = (-0.1, 1.1)

Rng = np.random.Generator
# BGR in 0..255; class, texture (0..255) and distance in meters.
Color = tuple[float, float, float]
Surface = tuple[int, int, float]


def shade(color: Color, factor: float) -> Color:
    """Make a color darker (below 1) or brighter (above 1)."""
    return tuple(min(255.0, channel * factor) for channel in color)


def pick_paint(
    rng: Rng,
    saturation: float = 0.8,
    gray: float = 0.4,
    hues: tuple[float, float] = (0, 6),
) -> Color:
    """Draw the color of something made by people.

    ``gray`` is the share of colors without any hue; hues are 0 red, 1 yellow,
    2 green, 3 cyan, 4 blue.
    """
    value = rng.uniform(40, 240)
    strength = 0.08 if rng.random() < gray else saturation
    strength *= rng.uniform(0.2, 1)
    hue = rng.uniform(*hues)
    ramp = [abs((hue + shift) % 6 - 3) - 1 for shift in (2, 4, 0)]
    return tuple(
        value * (1 - strength * (1 - min(max(level, 0), 1))) for level in ramp
    )


class Canvas:
    """Two pictures drawn at once: color, and what the surface is.

    World coordinates are meters: x to the right, y up, z ahead of the
    camera; (0, 0, 0) lies on the road below the camera. ``color`` is
    (H, W, 3) uint8 BGR, ``surface`` (H, W, 3) uint8: class, texture and
    distance (at most 255).
    """

    def __init__(self, rng: Rng, size: tuple[int, int]):
        height, width = size
        self.color = np.zeros((height, width, 3), np.uint8)
        self.surface = np.zeros((height, width, 3), np.uint8)
        self.center = np.array(
            [width * rng.uniform(0.3, 0.7), height * rng.uniform(0.36, 0.56)]
        )
        self.focal = width * rng.uniform(0.65, 1.05)
        self.eye = rng.uniform(1.3, 2.3)
        self.curve = rng.uniform(-1, 1) * 0.0015
        roll = np.deg2rad(rng.uniform(-2.5, 2.5))
        cos, sin = np.cos(roll), np.sin(roll)
        self.roll = np.array([[cos, sin], [-sin, cos]])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project (..., 3) points of the world to (..., 2) int32 pixels."""
        points = np.asarray(points, np.float64)
        depth = np.maximum(points[..., 2], 0.8)
        scale = self.focal / depth
        # The street bends; everything along it moves sideways together.
        x = (points[..., 0] + self.curve * depth * depth) * scale
        y = (self.eye - points[..., 1]) * scale
        flat = np.stack([x, y], -1) @ self.roll + self.center
        return np.rint(flat).astype(np.int32)

    def paint(
        self,
        polygons: np.ndarray,
        color: Color,
        surface: Surface | None = None,
    ) -> None:
        """Fill one (N, 2) int32 polygon of pixels, or several (M, N, 2).

        Several must not overlap. Without ``surface`` they are a detail of what
        lies below.
        """
        polygons = list(polygons.reshape(-1, *polygons.shape[-2:]))
        cv2.fillPoly(self.color, polygons, color)
        if surface is not None:
            value = (*surface[:2], min(surface[2], 255.0))
            cv2.fillPoly(self.surface, polygons, value)

    def solid(
        self, points: np.ndarray, color: Color, surface: Surface | None = None
    ) -> None:
        """Fill one (N, 3) polygon of the world, or several (M, N, 3)."""
        self.paint(self.project(points), color, surface)

    def card(
        self,
        x: float,
        z: float,
        outline: np.ndarray,
        color: Color,
        surface: Surface | None = None,
    ) -> None:
        """Fill a flat (N, 2) shape at (x, z) that faces the camera."""
        outline = np.asarray(outline, np.float64)
        ahead = np.full(len(outline), z)
        points = np.column_stack([outline[:, 0] + x, outline[:, 1], ahead])
        self.solid(points, color, surface)

    def darken(self, points: np.ndarray, factor: float) -> None:
        """Lay a shadow over one (N, 3) polygon of the world."""
        polygon = self.project(points)
        height, width = self.color.shape[:2]
        low = np.clip(polygon.min(0), 0, (width, height))
        high = np.clip(polygon.max(0) + 1, 0, (width, height))
        if (high <= low).any():
            return
        part = self.color[low[1] : high[1], low[0] : high[0]]
        stencil = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(stencil, [polygon - low.astype(np.int32)], 1)
        dark = cv2.convertScaleAbs(part, alpha=factor)
        cv2.copyTo(dark, stencil, part)


def ring(
    x: float, y: float, radius_x: float, radius_y: float, corners: int = 10
) -> np.ndarray:
    """Return the (corners, 2) outline of an ellipse around (x, y)."""
    angle = np.arange(corners) * (2 * np.pi / corners)
    columns = x + radius_x * np.cos(angle), y + radius_y * np.sin(angle)
    return np.column_stack(columns)


def box(left: float, bottom: float, right: float, top: float) -> np.ndarray:
    """Return the (4, 2) outline of an upright rectangle."""
    return np.array(
        [[left, bottom], [right, bottom], [right, top], [left, top]]
    )
