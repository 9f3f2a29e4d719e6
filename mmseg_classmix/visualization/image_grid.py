"""Image grids with the names of the classes below."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass
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
    """Images below one title, (H, W, 3) uint8 RGB or None, one a row.

    ``smooth`` is for photographs, whose colors may be averaged.
    """

    title: str
    pictures: Sequence[np.ndarray | None]
    captions: Sequence[str] = ()
    smooth: bool = False


def draw_image_grid(
    columns: Sequence[Column],
    heading: str,
    classes: Sequence[str],
    palette: list,
    cell: int = 256,
    ignored: bool = True,
) -> np.ndarray:
    """Draw columns of as many images each; (H, W, 3) uint8 RGB.

    ``cell`` is the longer side of an image in pixels, ``ignored`` whether
    pixels without a class may be there. Grids of matplotlib's axes, which only
    color bars need, take a second; here it writes the text alone.
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
                if len(caption) > 40:
                    # The end of a long path tells more than its start.
                    caption = f'…{caption[-39:]}'
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
        how = cv2.INTER_AREA if smooth else cv2.INTER_NEAREST
        right, bottom = x + size[0], y + size[1]
        # A frame: masks are white, and so is the page.
        canvas[y - 1 : bottom + 1, x - 1 : right + 1] = FRAME
        resized = cv2.resize(picture, size, interpolation=how)
        canvas[y:bottom, x:right] = resized
    return canvas


def axes_grid(
    rows: int, columns: int, cell: float, aspect: float
) -> tuple[Figure, np.ndarray]:
    """Lay out axes for images, ``cell`` inches wide, and a color bar."""
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
    """Name the colors of classes, RGB in [0, 255], below the images."""
    names = [*classes, 'ignored'] if ignored else classes
    colors = np.array([*palette, IGNORED]) / 255
    edge = str(FRAME / 255)
    patches = [
        Patch(facecolor=color, edgecolor=edge, label=name)
        for color, name in zip(colors, names, strict=False)
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
            f'.{", .".join(sorted(known))}'
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
