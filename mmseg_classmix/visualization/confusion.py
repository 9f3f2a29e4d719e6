"""Pictures of confusion matrices."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mmseg_classmix.evaluation.metrics import mean_scores
from mmseg_classmix.visualization.image_grid import save_picture

# With more classes the numbers would be too small to read.
MOST_NUMBERS = 30


def draw_confusion(
    matrices: dict[str, np.ndarray], classes: Sequence[str], path: str | Path
) -> None:
    """Draw the (C, C) confusion matrix of every network, side by side.

    Rows are true classes, and drawn in percent of their row.
    """
    side = min(max(0.42 * len(classes), 3.5), 13)
    size = (len(matrices) * (side + 1) + 1, side + 1.5)
    figure = Figure(size, layout='compressed')
    grid = figure.subplots(1, len(matrices), squeeze=False, sharey=True)[0]
    for axes, (name, matrix) in zip(grid, matrices.items(), strict=True):
        image = _draw_matrix(axes, matrix, classes)
        score = f'mIoU {mean_scores(matrix)["mIoU"]:.2f}'
        axes.set_title(': '.join(filter(None, [name, score])))
    grid[0].set_ylabel('true class')
    figure.colorbar(
        image, ax=list(grid), label='% of the true class', shrink=0.8
    )
    save_picture(figure, Path(path))


def _draw_matrix(
    axes: Axes, matrix: np.ndarray, classes: Sequence[str]
) -> AxesImage:
    total = matrix.sum(1, keepdims=True)
    percent = np.full(matrix.shape, np.nan)
    np.divide(100.0 * matrix, total, out=percent, where=total > 0)
    axes.set_facecolor('0.9')
    image = axes.imshow(percent, cmap='Blues', vmin=0, vmax=100)
    places = range(len(classes))
    small = 8 if len(classes) <= MOST_NUMBERS else 4
    # A class without pixels has no row.
    names = [
        name if count else f'{name} (absent)'
        for name, count in zip(classes, total[:, 0], strict=True)
    ]
    axes.set_xticks(places, classes, rotation=90, size=small)
    axes.set_yticks(places, names, size=small)
    axes.set_xlabel('predicted class')
    if len(classes) <= MOST_NUMBERS:
        for i, j in np.argwhere(np.round(percent) > 0):
            color = 'white' if percent[i, j] > 55 else 'black'
            text = f'{percent[i, j]:.0f}'
            axes.text(j, i, text, ha='center', va='center', size=6.5, c=color)
    return image
