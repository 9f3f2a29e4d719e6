"""Trees and bushes."""

import numpy as np

from mmseg_classmix.demo.drawing.canvas import (
    VEGETATION,
    Canvas,
    Color,
    ring,
    shade,
)


def pick_leaf(rng: np.random.Generator) -> Color:
    """Draw the color of leaves: green mostly, sometimes of the autumn."""
    tint = np.array([[50, 105, 70], [40, 80, 110], [45, 120, 150]])
    leaf = tint[rng.choice(3, p=[0.7, 0.2, 0.1])] * rng.uniform(0.6, 1.4, 3)
    return tuple(float(min(255, channel)) for channel in leaf)


def _draw_leaves(
    canvas: Canvas,
    rng: np.random.Generator,
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


def draw_tree(
    canvas: Canvas, rng: np.random.Generator, x: float, z: float
) -> None:
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


def draw_bush(
    canvas: Canvas, rng: np.random.Generator, x: float, z: float
) -> None:
    """Draw a bush at (x, z)."""
    tall = rng.uniform(0.3, 0.8)
    crown = (tall, rng.uniform(0.5, 1.6), tall)
    _draw_leaves(canvas, rng, (x, z), crown, int(rng.integers(4, 8)))
