"""A page of predictions, to see at a glance what a network does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmseg_classmix.visualization.sheet import (
    class_legend,
    new_sheet,
    save_sheet,
    show,
)

COLUMNS, ROWS = 2, 6
WIDTH = 480


def spread(items: Sequence[Any], count: int = COLUMNS * ROWS) -> list[Any]:
    """Choose items at even distances, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    places = np.linspace(0, len(items) - 1, count).round().astype(int)
    return [items[i] for i in places]


class EvenSample:
    """Some of many items, at even distances, however many will come.

    Args:
        limit: How many are kept, at least half as many as that.
    """

    def __init__(self, limit: int = 2 * COLUMNS * ROWS) -> None:
        self.limit, self.step = limit, 1
        self._kept: dict[int, Any] = {}

    @property
    def items(self) -> list[Any]:
        """What is kept."""
        return list(self._kept.values())

    def offer(self, number: int, item: Any) -> None:
        """Take an item, or not; they are numbered from 0."""
        if number % self.step == 0:
            self._kept[number] = item
        if len(self._kept) > self.limit:
            self.step *= 2
            self._kept = {
                n: kept for n, kept in self._kept.items() if n % self.step == 0
            }


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Shrink an image (H, W, 3) to what a sheet shows of it."""
    scale = min(WIDTH / max(pixels.shape[:2]), 1)
    size = [max(round(n * scale), 1) for n in pixels.shape[1::-1]]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def read_thumbnail(path: Path) -> np.ndarray | None:
    """Read an image and shrink it at once, or return None if it is none."""
    try:
        content = np.fromfile(path, np.uint8)
        pixels = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    return None if pixels is None else thumbnail(pixels)


def draw_contact_sheet(
    path: Path,
    pairs: Sequence[tuple[str, np.ndarray, np.ndarray]],
    classes: Sequence[str],
    palette: list,
) -> None:
    """Draw images with their overlays beside them, and the classes below.

    Args:
        path: Picture to write.
        pairs: Name, image and overlay, both (H, W, 3) uint8 BGR.
        classes: Names of the classes.
        palette: RGB color of every class.
    """
    columns = min(COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    aspect = np.median([p.shape[0] / p.shape[1] for _, p, _ in pairs])
    figure, axes = new_sheet(rows, 2 * columns, 2.4, min(aspect, 2))
    cells = axes.reshape(-1, 2)
    for cell, (name, *pictures) in zip(cells, pairs, strict=False):
        for place, picture in zip(cell, pictures, strict=True):
            show(place, thumbnail(picture)[..., ::-1])
        # The end of a long path tells more than its start.
        title = name if len(name) <= 40 else f'…{name[-39:]}'
        cell[0].set_title(title, fontsize=7, loc='left', parse_math=False)
    for cell in cells[len(pairs) :]:
        for place in cell:
            place.axis('off')
    class_legend(figure, classes, palette, ignored=False)
    save_sheet(figure, path)
