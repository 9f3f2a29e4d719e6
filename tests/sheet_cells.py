"""Pictures cut out of the sheets of MixVisualizationHook."""

import cv2

from mmseg_classmix.visualization.image_grid import (
    CAPTION,
    GAP,
    HEADING,
    LEAST,
    TITLE,
)

HOOK = 'default_hooks.mix_visualization'
# With the size of the tiny images every pixel is shown as it is.
EVERY = {f'{HOOK}.interval': 1, f'{HOOK}.cell': 40}


def sheets(work_dir):
    """Sheets by iteration, RGB."""
    return {
        int(path.stem.split('_')[1]): cv2.imread(str(path))[..., ::-1]
        for path in work_dir.glob('*/vis_data/vis_image/mix_*.png')
    }


def cell(sheet, row, column, size=(32, 40)):
    """Cut a picture out of a sheet."""
    height, width = size
    top = HEADING + TITLE + row * (height + CAPTION)
    middle = GAP + column * (LEAST + GAP) + LEAST / 2
    left = round(middle - width / 2)
    return sheet[top : top + height, left : left + width]


def sheet_width(columns):
    """Width of a sheet of small pictures."""
    return columns * (LEAST + GAP) + GAP
