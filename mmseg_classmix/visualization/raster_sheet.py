"""Sheets of pictures put together as pixels: quick enough for a training.

Matplotlib takes about a second for a grid of axes. Here it writes the text
alone, and OpenCV puts the pictures in their places.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmseg_classmix.visualization.sheet import class_legend, legend_lines

DPI = 100
# Pixels: between columns, of lines of text, and the least width of a column.
GAP, HEADING, TITLE, CAPTION, LEGEND, LEAST = 8, 26, 20, 20, 24, 210
FRAME = 153


@dataclass
class Column:
    """Pictures below one title.

    Attributes:
        title: Above the first.
        pictures: One a row, (H, W, 3) uint8 RGB of any size but one shape;
            None where there is nothing to show.
        captions: One a row; or none.
        smooth: Whether colors may be averaged: photographs, not classes.
    """

    title: str
    pictures: Sequence[np.ndarray | None]
    captions: Sequence[str] = field(default_factory=tuple)
    smooth: bool = False


def draw_raster_sheet(
    columns: list[Column],
    heading: str,
    classes: Sequence[str],
    palette: list,
    cell: int = 256,
) -> np.ndarray:
    """Draw pictures in rows and columns with their names.

    Args:
        columns: With the same number of pictures, the first with no None.
        heading: Above the sheet.
        classes: Names of the classes.
        palette: One RGB color in [0, 255] for each class.
        cell: Longer side of a picture on the sheet, in pixels.

    Returns:
        (H', W', 3) uint8 RGB.
    """
    height, width = columns[0].pictures[0].shape[:2]
    scale = cell / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    pitch = max(size[0], LEAST) + GAP, size[1] + CAPTION
    top = HEADING + TITLE
    texts, places = [(GAP, HEADING - GAP, heading, 'left', 11)], []
    for i, column in enumerate(columns):
        middle = GAP + i * pitch[0] + (pitch[0] - GAP) / 2
        texts.append((middle, top - GAP, column.title, 'center', 9))
        for j, picture in enumerate(column.pictures):
            x, y = round(middle - size[0] / 2), top + j * pitch[1]
            if picture is not None:
                places.append((picture, x, y, column.smooth))
            if column.captions:
                y += pitch[1] - GAP + 2
                texts.append((middle, y, column.captions[j], 'center', 7))
    sheet_width = len(columns) * pitch[0] + GAP
    lines = legend_lines(len(classes) + 1, sheet_width / DPI)
    bottom = top + len(columns[0].pictures) * pitch[1]
    shape = bottom + lines * LEGEND + GAP, sheet_width
    canvas = _write(shape, texts, classes, palette)
    for picture, x, y, smooth in places:
        _paste(canvas, picture, (x, y), size, smooth)
    return canvas


def _write(
    shape: tuple[int, int],
    texts: list[tuple],
    classes: Sequence,
    palette: list,
) -> np.ndarray:
    """Write texts (x, y of the base line, text, alignment, points)."""
    height, width = shape
    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    for x, y, text, align, points in texts:
        # A dollar sign in a file name is no formula.
        figure.text(
            x / width,
            1 - y / height,
            text,
            ha=align,
            size=points,
            parse_math=False,
        )
    class_legend(figure, classes, palette, loc='lower center')
    agg = FigureCanvasAgg(figure)
    agg.draw()
    return np.asarray(agg.buffer_rgba())[..., :3].copy()


def _paste(
    canvas: np.ndarray,
    picture: np.ndarray,
    place: tuple[int, int],
    size: tuple[int, int],
    smooth: bool,
) -> None:
    how = cv2.INTER_AREA if smooth else cv2.INTER_NEAREST
    picture = cv2.resize(picture, size, interpolation=how)
    x, y = place
    # A frame: masks are white, and so is the page.
    canvas[y - 1 : y + size[1] + 1, x - 1 : x + size[0] + 1] = FRAME
    canvas[y : y + size[1], x : x + size[0]] = picture
