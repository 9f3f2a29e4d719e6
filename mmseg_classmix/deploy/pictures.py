"""Predictions as files: masks, confidences, overlays, a contact sheet."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from mmseg_classmix.visualization.image_grid import (
    Column,
    draw_image_grid,
    save_picture,
)
from mmseg_classmix.visualization.pixels import IGNORED, colorize

NO_CLASS = 255
# Pixels; what libjpeg can do.
JPEG_SIDE = 65500
# Of a contact sheet; the longer side of its images in pixels.
COLUMNS, ROWS, SIDE = 2, 6, 360


def mask_png(label: np.ndarray, palette: Sequence[Sequence[int]]) -> bytes:
    """Encode (H, W) uint8 as a PNG with a palette: the pixels are the numbers.

    RGB colors in [0, 255] are of the numbers from 0; those beyond are white.
    """
    image = Image.fromarray(label)
    colors = [*palette, *[IGNORED] * (256 - len(palette))]
    image.putpalette(np.array(colors, np.uint8).tobytes())
    file = io.BytesIO()
    image.save(file, format='PNG')
    return file.getvalue()


def stored_numbers(meta: dict[str, Any]) -> np.ndarray:
    """Undo what ``label_map`` and ``reduce_zero_label`` do to masks.

    (256,) uint8: the number in the file for each class of the network; 255
    stays 255.
    """
    numbers = np.arange(256, dtype=np.uint8)
    for old, new in (meta['label_map'] or {}).items():
        if new != NO_CLASS:
            numbers[new] = old
    if meta['reduce_zero_label']:
        numbers[:NO_CLASS] += 1
    numbers[NO_CLASS] = NO_CLASS
    return numbers


def stored_palette(meta: dict[str, Any]) -> list:
    """Order 256 RGB colors by the numbers of their classes in the file."""
    colors = [IGNORED] * 256
    for number, color in zip(
        stored_numbers(meta), meta['palette'], strict=False
    ):
        colors[number] = tuple(color)
    return colors


def confidence_png(confidence: np.ndarray, bits: int) -> bytes:
    """Encode (H, W) float32 in [0, 1] as a gray PNG of 8 or 16 bits."""
    gray = (confidence * (2**bits - 1)).round().astype(f'uint{bits}')
    return cv2.imencode('.png', gray)[1].tobytes()


def overlay(
    pixels: np.ndarray,
    label: np.ndarray,
    palette: Sequence[Sequence[int]],
    opacity: float = 0.5,
) -> np.ndarray:
    """Paint classes, (H, W) uint8, over an image, (H, W, 3) uint8 BGR."""
    colors = colorize(label, palette, NO_CLASS)[..., ::-1]
    return cv2.addWeighted(pixels, 1 - opacity, colors, opacity, 0)


def jpeg(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 BGR as a JPEG, shrunk if it has no such sides."""
    return cv2.imencode('.jpg', _within(pixels, JPEG_SIDE))[1].tobytes()


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Shrink an image (H, W, 3) to what a contact sheet shows of it."""
    return _within(pixels, SIDE)


def _within(pixels: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = [max(int(n * scale), 1) for n in pixels.shape[1::-1]]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def read_thumbnail(path: Path) -> np.ndarray | None:
    """Read an image and shrink it at once, or return None if it is none."""
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    return None if pixels is None else thumbnail(pixels)


def spread(items: Sequence[Any], count: int = COLUMNS * ROWS) -> list[Any]:
    """Choose items at even distances, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    places = np.linspace(0, len(items) - 1, count).round().astype(int)
    return [items[i] for i in places]


class EvenSample:
    """At most ``limit`` of many items, at even distances."""

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


def draw_contact_sheet(
    path: Path,
    pairs: Sequence[tuple[str, np.ndarray, np.ndarray]],
    classes: Sequence[str],
    palette: list,
) -> None:
    """Draw images with their overlays beside them, and the classes below.

    ``pairs`` are name, image and overlay, both (H, W, 3) uint8 BGR.
    """
    sides = min(COLUMNS, len(pairs))
    sizes = np.median([image.shape[:2] for _, image, _ in pairs], axis=0)
    shape = tuple((SIDE * sizes / sizes.max()).astype(int).clip(1))
    # As long as the first column.
    cells = [*pairs, *[('', None, None)] * (-len(pairs) % sides)]
    columns = []
    for side in range(sides):
        names, *pictures = zip(*cells[side::sides], strict=True)
        for captions, images in zip((names, ()), pictures, strict=True):
            images = [
                image if image is None else _fit(image, shape)[..., ::-1]
                for image in images
            ]
            columns.append(Column('', images, captions, smooth=True))
    sheet = draw_image_grid(columns, '', classes, palette, SIDE, False)
    save_picture(sheet, path)


def _fit(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Put an image into the middle of a white one."""
    scale = min(shape[0] / pixels.shape[0], shape[1] / pixels.shape[1])
    height, width = (max(int(n * scale), 1) for n in pixels.shape[:2])
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    canvas = np.full((*shape, 3), 255, np.uint8)
    part = canvas[top : top + height, left : left + width]
    part[:] = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return canvas
