"""Sheets of pictures, drawn with matplotlib."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch

from mmseg_classmix.visualization.pixels import IGNORED

FRAME = '0.6'


def new_sheet(
    rows: int, columns: int, cell: float, aspect: float
) -> tuple[Figure, np.ndarray]:
    """Lay out a grid of pictures.

    Args:
        rows: Number of rows.
        columns: Number of columns.
        cell: Width of a picture in inches.
        aspect: Height of a picture over its width.

    Returns:
        The figure and its axes, (rows, columns).
    """
    # Text takes about 0.2 inches; what is left over is cut off on saving.
    size = (columns * cell, rows * (cell * aspect + 0.2) + 1.5)
    figure = Figure(size, layout='compressed')
    return figure, figure.subplots(rows, columns, squeeze=False)


def show(axes: Axes, image: np.ndarray, **kwargs) -> AxesImage:
    """Show an image without ticks, pixels as they are.

    Args:
        axes: Where to.
        image: (H, W, 3) uint8 RGB, or (H, W) with a color map in ``kwargs``.
        **kwargs: As for matplotlib's ``imshow``.

    Returns:
        What was drawn, for a color bar.
    """
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=FRAME, linewidth=0.5)
    return axes.imshow(image, **{'interpolation': 'nearest', **kwargs})


def class_legend(
    figure: Figure,
    classes: Sequence[str],
    palette: list,
    ignored: bool = True,
    loc: str = 'outside lower center',
) -> None:
    """Name the colors of classes below the pictures.

    Args:
        figure: Where to.
        classes: Names.
        palette: One RGB color in [0, 255] for each class.
        ignored: Whether pixels without a class may be there.
        loc: As for matplotlib's ``legend``.
    """
    names = [*classes, 'ignored'] if ignored else classes
    patches = [
        Patch(facecolor=np.array(color) / 255, edgecolor=FRAME, label=name)
        for color, name in zip([*palette, IGNORED], names, strict=False)
    ]
    # All of about the same length.
    lines = legend_lines(len(patches), figure.get_figwidth())
    figure.legend(
        handles=patches,
        loc=loc,
        ncols=ceil(len(patches) / lines),
        frameon=False,
        handlelength=1.2,
    )


def legend_lines(count: int, width: float) -> int:
    """Count the lines that names of classes take.

    Args:
        count: Number of names.
        width: Of the figure, in inches.

    Returns:
        Number of lines.
    """
    return ceil(1.4 * count / width)


def picture_path(text: str) -> Path:
    """Check the name of a picture; for ``type`` of argparse.

    Raises:
        ArgumentTypeError: If matplotlib does not write such files.
    """
    path = Path(text)
    known = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise ArgumentTypeError(
            f'{text} is no picture that can be written, choose one of '
            f'{", ".join("." + suffix for suffix in sorted(known))}'
        )
    return path


def save_sheet(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the suffix of the file names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches='tight', pad_inches=0.1)
    print(f'picture: {path}')
