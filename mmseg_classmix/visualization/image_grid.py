"""Image grids with the names of the classes below.

Matplotlib takes about a second for a grid of axes, which only pictures with a
color bar need. :func:`draw_image_grid` lets it write the text alone, and puts
the images in their places as pixels: quick enough for a training.
"""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage, imsave
from matplotlib.patches import Patch

from mmseg_classmix.visualization.pixels import IGNORED

DPI = 100
# Pixels: between columns, of lines of text, and the least width of a column.
GAP, HEADING, TITLE, CAPTION, LEGEND, LEAST = 8, 26, 20, 20, 24, 210
# Gray of frames.
FRAME = 153


@dataclass
class Column:
    """Images below one title.

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


def draw_image_grid(
    columns: Sequence[Column],
    heading: str,
    classes: Sequence[str],
    palette: list,
    cell: int = 256,
    ignored: bool = True,
) -> np.ndarray:
    """Draw images in rows and columns with their names.

    Args:
        columns: With the same number of images, the first with no None.
        heading: Above the grid.
        classes: Names of the classes.
        palette: One RGB color in [0, 255] for each class.
        cell: Longer side of an image on the grid, in pixels.
        ignored: Whether pixels without a class may be there.

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
                caption = column.captions[j]
                # The end of a long path tells more than its start.
                caption = (
                    caption if len(caption) <= 40 else f'…{caption[-39:]}'
                )
                texts.append((middle, y, caption, 'center', 7))
    width = len(columns) * pitch[0] + GAP
    lines = _legend_lines(len(classes) + ignored, width / DPI)
    bottom = top + len(columns[0].pictures) * pitch[1]
    height = bottom + lines * LEGEND + GAP
    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    for x, y, text, align, points in texts:
        # A dollar sign in a file name is no formula.
        font = dict(ha=align, size=points, parse_math=False)
        figure.text(x / width, 1 - y / height, text, **font)
    class_legend(figure, classes, palette, ignored, 'lower center')
    agg = FigureCanvasAgg(figure)
    agg.draw()
    canvas = np.asarray(agg.buffer_rgba())[..., :3].copy()
    for picture, x, y, smooth in places:
        _paste(canvas, picture, (x, y), size, smooth)
    return canvas


def _paste(
    canvas: np.ndarray,
    picture: np.ndarray,
    place: tuple[int, int],
    size: tuple[int, int],
    smooth: bool,
) -> None:
    """Put an image at a place (x, y) in a size (width, height)."""
    how = cv2.INTER_AREA if smooth else cv2.INTER_NEAREST
    picture = cv2.resize(picture, size, interpolation=how)
    x, y = place
    # A frame: masks are white, and so is the page.
    canvas[y - 1 : y + size[1] + 1, x - 1 : x + size[0] + 1] = FRAME
    canvas[y : y + size[1], x : x + size[0]] = picture


def axes_grid(
    rows: int, columns: int, cell: float, aspect: float
) -> tuple[Figure, np.ndarray]:
    """Lay out axes for images, for a figure with a color bar.

    Args:
        rows: Number of rows.
        columns: Number of columns.
        cell: Width of an image in inches.
        aspect: Height of an image over its width.
    """
    # Text takes about 0.2 inches; what is left over is cut off on saving.
    size = (columns * cell, rows * (cell * aspect + 0.2) + 1.5)
    figure = Figure(size, layout='compressed')
    return figure, figure.subplots(rows, columns, squeeze=False)


def show(axes: Axes, image: np.ndarray, **kwargs) -> AxesImage:
    """Show an image without ticks, pixels as they are, as ``imshow`` does."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=str(FRAME / 255), linewidth=0.5)
    return axes.imshow(image, **{'interpolation': 'nearest', **kwargs})


def class_legend(
    figure: Figure,
    classes: Sequence[str],
    palette: list,
    ignored: bool = True,
    loc: str = 'outside lower center',
) -> None:
    """Name the colors of classes below the images.

    Args:
        figure: Where to.
        classes: Names.
        palette: One RGB color in [0, 255] for each class.
        ignored: Whether pixels without a class may be there.
        loc: As for matplotlib's ``legend``.
    """
    names = [*classes, 'ignored'] if ignored else classes
    patches = [
        Patch(
            facecolor=np.array(color) / 255,
            edgecolor=str(FRAME / 255),
            label=name,
        )
        for color, name in zip([*palette, IGNORED], names, strict=False)
    ]
    # All of about the same length.
    lines = _legend_lines(len(patches), figure.get_figwidth())
    figure.legend(
        handles=patches,
        loc=loc,
        ncols=ceil(len(patches) / lines),
        frameon=False,
        handlelength=1.2,
    )


def _legend_lines(count: int, width: float) -> int:
    """Lines that names take in a figure of some width in inches."""
    return ceil(1.4 * count / width)


def picture_path(text: str) -> Path:
    """Check the name of a picture; for ``type`` of argparse."""
    path = Path(text)
    known = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise ArgumentTypeError(
            f'{text} is no picture that can be written, choose one of '
            f'{", ".join("." + suffix for suffix in sorted(known))}'
        )
    return path


def save_picture(picture: Figure | np.ndarray, path: Path) -> None:
    """Write a figure or (H, W, 3) RGB in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(picture, Figure):
        picture.savefig(path, dpi=150, bbox_inches='tight', pad_inches=0.1)
    else:
        imsave(path, picture)
    print(f'picture: {path}')
