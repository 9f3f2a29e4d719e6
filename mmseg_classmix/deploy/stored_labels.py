"""From the classes of a network to the numbers in the masks of a data set."""

from typing import Any

import numpy as np

from mmseg_classmix.deploy.pictures import NO_CLASS
from mmseg_classmix.visualization.pixels import IGNORED


def stored_numbers(meta: dict[str, Any]) -> np.ndarray:
    """Undo what ``LoadAnnotations`` does to a mask when it is read.

    A dataset may leave classes out (``metainfo.classes``), which numbers the
    others anew, and may keep 0 for pixels without a class
    (``reduce_zero_label``). Masks for this dataset need the numbers of the
    files.

    Args:
        meta: ``classes``, ``label_map`` and ``reduce_zero_label`` of the
            dataset.

    Returns:
        The number in the file for each class of the network, (256,) uint8;
        255 stays 255.
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
    """Order the colors of the classes by their numbers in the file.

    Args:
        meta: ``palette`` and what :func:`stored_numbers` needs.

    Returns:
        256 RGB colors; numbers without a class are white.
    """
    colors = [IGNORED] * 256
    numbers = stored_numbers(meta)
    for i, color in enumerate(meta['palette']):
        colors[numbers[i]] = tuple(color)
    return colors
