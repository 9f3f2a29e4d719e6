"""What the pixels of masks stand for: colors, or numbers of classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

IGNORED = 255
Color = tuple[int, int, int]


def count_colors(path: str) -> Counter | None:
    """Count the pixels of each color; None for a mask of numbers."""
    try:
        with Image.open(path) as image:
            if len(image.getbands()) == 1:
                return None
            return _counter(_codes(image))
    # Whoever reads the mask afterwards says what is wrong with it.
    except Exception:
        return None


def _codes(image: Image.Image) -> np.ndarray:
    """One number for each color, (H, W) int64."""
    rgb = np.asarray(image.convert('RGB')).astype(np.int64)
    return (rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2]


def _counter(codes: np.ndarray) -> Counter:
    found, counts = np.unique(codes, return_counts=True)
    colors = map(_color, found.tolist())
    return Counter(dict(zip(colors, counts.tolist(), strict=True)))


def _color(code: int) -> Color:
    return code >> 16, code >> 8 & 255, code & 255


def read_color(text: str) -> Color:
    """Read '255,0,0' or '#ff0000'."""
    digits = text.removeprefix('#')
    if digits != text and len(digits) == 6:
        return _color(int(digits, 16))
    color = tuple(int(part) for part in text.split(','))
    if len(color) != 3 or not all(0 <= part <= 255 for part in color):
        raise ValueError(f'{text!r} is no color such as 255,0,0 or #ff0000')
    return color


def convert(
    paths: tuple[str, str], colors: Sequence[Color]
) -> tuple[Counter, int]:
    """Turn a mask of colors into a PNG of numbers, other colors into 255.

    Returns the pixels of each other color, and the number of all pixels.
    """
    source, target = paths
    try:
        with Image.open(source) as image:
            codes = _codes(image)
    # Whoever reads it afterwards says that it is empty.
    except Exception:
        Path(target).write_bytes(b'')
        return Counter(), 0
    labels = np.full(codes.shape, IGNORED, np.uint8)
    for label, (r, g, b) in enumerate(colors):
        labels[codes == (r << 16) + (g << 8) + b] = label
    Image.fromarray(labels).save(target)
    return _counter(codes[labels == IGNORED]), codes.size


def describe_colors(colors: Counter, most: int = 12) -> str:
    """List the most frequent colors with their shares."""
    total = sum(colors.values())
    shown = [
        f'{",".join(map(str, color))} ({100 * count / total:.1f} %)'
        for color, count in colors.most_common(most)
    ]
    more = len(colors) - len(shown)
    return ' '.join(shown) + (f' and {more} more' if more else '')


@dataclass(frozen=True)
class MaskValues:
    """Meaning of the numbers in the masks, as ``LabeledDataset`` takes it."""

    mask_values: tuple[int, ...] | None = None
    ignored_values: tuple[int, ...] = ()

    def of_classes(self, num_classes: int) -> list[int]:
        """List the value of each class."""
        return list(self.mask_values or range(num_classes))

    def wrong(self, pixels: np.ndarray, num_classes: int) -> list[int]:
        """List the values that mean nothing, of pixels by value, (256,)."""
        classes = self.of_classes(num_classes)
        known = {*classes, *self.ignored_values, IGNORED}
        return [int(v) for v in np.flatnonzero(pixels) if v not in known]


def find_values(
    pixels: np.ndarray,
    num_classes: int,
    mask_values: Sequence[int] | None = None,
    ignored_values: Sequence[int] = (),
) -> MaskValues:
    """Say what the numbers mean, from the pixels of each value, (256,).

    Masks of two classes are often black and white. Read as they are, white
    (255) would be ignored and only black be learned.
    """
    found = set(np.flatnonzero(pixels)) - set(ignored_values)
    if mask_values is None and num_classes == 2 and found == {0, IGNORED}:
        mask_values = (0, IGNORED)
    values = None if mask_values is None else tuple(mask_values)
    return MaskValues(values, tuple(ignored_values))


def way_out(pixels: np.ndarray, num_classes: int) -> str:
    """Say how masks can be used that have other values, (256,) as above."""
    found = [int(v) for v in np.flatnonzero(pixels)]
    start = (
        f'the masks have the {len(found)} values {_short(found)}; '
        f'{num_classes} classes need 0 to {num_classes - 1}, and {IGNORED} '
        'for what is ignored. '
    )
    for ignored in ([], [IGNORED], [0], [0, IGNORED]):
        rest = [value for value in found if value not in ignored]
        if len(rest) == num_classes and set(ignored) <= set(found):
            option = ' '.join(map(str, rest))
            nothing = ''
            if 0 in ignored:
                option += ' --ignored-values 0'
                nothing = ', and 0 for pixels without a class'
            return (
                f'{start}If {_short(rest)} stand for the classes in this '
                f'order{nothing}, add --mask-values {option}'
            )
    return (
        f'{start}Give --mask-values, the value of each class, and '
        '--ignored-values, or correct the masks: values in between often '
        'come from resizing a mask, or from storing it as JPEG'
    )


def _short(values: list[int]) -> str:
    if len(values) <= 24:
        return str(values)
    start = ', '.join(map(str, values[:20]))
    return f'[{start}, ..., {values[-1]}]'
