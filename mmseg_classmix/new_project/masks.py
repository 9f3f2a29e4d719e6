"""Masks whose pixels are colors, not numbers."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

IGNORED = 255


@dataclass(frozen=True)
class Colors:
    """Colors of a mask.

    Attributes:
        path: Path of the mask.
        pixels: Number of pixels of each RGB color; None for a mask of
            numbers, or one that cannot be read.
    """

    path: str
    pixels: Counter | None = None


def look_for_colors(path: str) -> Colors:
    """Count the colors of a mask, unless it has one number a pixel.

    Args:
        path: Path of the mask.
    """
    try:
        with Image.open(path) as image:
            if len(image.getbands()) == 1:
                return Colors(path)
            return Colors(path, _count(image))
    # Whoever reads the mask afterwards says what is wrong with it.
    except Exception:
        return Colors(path)


def _count(image: Image.Image) -> Counter:
    codes, counts = np.unique(_codes(image), return_counts=True)
    return Counter(
        dict(zip(map(_color, codes), map(int, counts), strict=True))
    )


def _codes(image: Image.Image) -> np.ndarray:
    """One number for each color, (H, W) int64."""
    rgb = np.asarray(image.convert('RGB')).astype(np.int64)
    return (rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2]


def _color(code: int) -> tuple[int, int, int]:
    code = int(code)
    return code >> 16, code >> 8 & 255, code & 255


def read_color(text: str) -> tuple[int, int, int]:
    """Read '255,0,0' or '#ff0000'.

    Raises:
        ValueError: If it is neither.
    """
    digits = text.removeprefix('#')
    if digits != text and len(digits) == 6:
        return _color(int(digits, 16))
    color = tuple(int(part) for part in text.split(','))
    if len(color) != 3 or not all(0 <= part <= 255 for part in color):
        raise ValueError(f'{text!r} is no color such as 255,0,0 or #ff0000')
    return color


@dataclass(frozen=True)
class Conversion:
    """Turns a color mask into numbers; a function that processes can share.

    Attributes:
        colors: Color of each class; pixels of others are ignored (255).
    """

    colors: tuple[tuple[int, int, int], ...]

    def __call__(self, paths: tuple[str, str]) -> tuple[Counter, int]:
        """Convert a mask.

        Args:
            paths: Mask, and the PNG to write.

        Returns:
            Number of pixels of colors that are no class, and of all pixels;
            none if the mask cannot be read.
        """
        source, target = paths
        try:
            with Image.open(source) as image:
                codes = _codes(image)
        # Whoever reads it afterwards says that it is empty.
        except Exception:
            Path(target).write_bytes(b'')
            return Counter(), 0
        known = [(r << 16) + (g << 8) + b for r, g, b in self.colors]
        labels = np.full(codes.shape, IGNORED, np.uint8)
        for label, code in enumerate(known):
            labels[codes == code] = label
        Image.fromarray(labels).save(target)
        rest, counts = np.unique(codes[labels == IGNORED], return_counts=True)
        others = dict(zip(map(_color, rest), map(int, counts), strict=True))
        return Counter(others), codes.size


def describe(colors: Counter, most: int = 12) -> str:
    """List the most frequent colors with their shares.

    Args:
        colors: Number of pixels of each color.
        most: Number of colors to list.
    """
    total = sum(colors.values())
    shown = [
        f'{",".join(map(str, color))} ({100 * count / total:.1f} %)'
        for color, count in colors.most_common(most)
    ]
    more = len(colors) - len(shown)
    return ' '.join(shown) + (f' and {more} more' if more else '')
