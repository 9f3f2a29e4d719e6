"""Masks and overlays as files."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from mmseg_classmix.visualization.pixels import IGNORED, colorize

NO_CLASS = 255
# Pixels; what libjpeg can do.
JPEG_SIDE = 65500


def mask_png(label: np.ndarray, palette: Sequence[Sequence[int]]) -> bytes:
    """Encode a mask as a PNG with a palette: the pixels are the numbers.

    Args:
        label: (H, W) uint8, 255 where there is no class.
        palette: RGB color of every number from 0, in [0, 255]; the numbers
            beyond it are white.

    Returns:
        Content of the file.
    """
    image = Image.fromarray(label)
    colors = [*palette, *[IGNORED] * (256 - len(palette))]
    image.putpalette(np.array(colors, np.uint8).tobytes())
    file = io.BytesIO()
    image.save(file, format='PNG')
    return file.getvalue()


def confidence_png(confidence: np.ndarray, bits: int) -> bytes:
    """Encode confidences as a gray PNG.

    Args:
        confidence: (H, W) float32 in [0, 1].
        bits: 8 or 16; white, 255 or 65535, is 1.

    Returns:
        Content of the file.
    """
    dtype = {8: np.uint8, 16: np.uint16}[bits]
    gray = (confidence * np.iinfo(dtype).max).round().astype(dtype)
    return cv2.imencode('.png', gray)[1].tobytes()


def overlay(
    pixels: np.ndarray,
    label: np.ndarray,
    palette: Sequence[Sequence[int]],
    opacity: float = 0.5,
) -> np.ndarray:
    """Paint the classes over an image.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        label: (H, W) uint8, of the classes.
        palette: RGB color of every class, in [0, 255].
        opacity: Weight of the colors, in [0, 1].

    Returns:
        (H, W, 3) uint8 BGR.
    """
    colors = colorize(label, palette, NO_CLASS)[..., ::-1]
    return cv2.addWeighted(pixels, 1 - opacity, colors, opacity, 0)


def jpeg(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 BGR as a JPEG, shrunk if it has no such sides."""
    scale = JPEG_SIDE / max(pixels.shape[:2])
    if scale < 1:
        size = [max(int(n * scale), 1) for n in pixels.shape[1::-1]]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode('.jpg', pixels)[1].tobytes()
