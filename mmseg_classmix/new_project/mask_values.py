"""Which number in the masks is which class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

IGNORED = 255


@dataclass(frozen=True)
class MaskValues:
    """Meaning of the numbers in the masks, as ``LabeledDataset`` takes it.

    Attributes:
        mask_values: Value of each class, or None for 0, 1, 2, ...
        ignored_values: Values that are ignored beside 255.
    """

    mask_values: tuple[int, ...] | None = None
    ignored_values: tuple[int, ...] = ()

    def of_classes(self, num_classes: int) -> list[int]:
        """List the value of each class."""
        return list(self.mask_values or range(num_classes))

    def wrong(self, pixels: np.ndarray, num_classes: int) -> list[int]:
        """List the values of a mask that mean nothing.

        Args:
            pixels: Number of pixels of each value, (256,).
            num_classes: Number of classes.
        """
        known = {
            *self.of_classes(num_classes),
            *self.ignored_values,
            IGNORED,
        }
        return [int(v) for v in np.flatnonzero(pixels) if v not in known]


def find_values(
    pixels: np.ndarray,
    num_classes: int,
    mask_values: Sequence[int] | None = None,
    ignored_values: Sequence[int] = (),
) -> MaskValues:
    """Say what the numbers mean.

    Masks of two classes are often black and white. Read as they are, white
    (255) would be ignored and only black be learned.

    Args:
        pixels: Number of pixels of each value in all masks, (256,).
        num_classes: Number of classes.
        mask_values: Value of each class, if the user has said so.
        ignored_values: Values without a class, if the user has said so.

    Returns:
        The meaning; :meth:`MaskValues.wrong` tells whether it fits.
    """
    found = set(np.flatnonzero(pixels)) - set(ignored_values)
    if mask_values is None and num_classes == 2 and found == {0, IGNORED}:
        mask_values = (0, IGNORED)
    values = None if mask_values is None else tuple(mask_values)
    return MaskValues(values, tuple(ignored_values))


def way_out(pixels: np.ndarray, num_classes: int) -> str:
    """Say how masks with other values can be used.

    Args:
        pixels: Number of pixels of each value in all masks, (256,).
        num_classes: Number of classes.
    """
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


def share_of_classes(
    pixels: Mapping[str, np.ndarray] | Sequence[np.ndarray],
    values: MaskValues,
    num_classes: int,
) -> np.ndarray:
    """Pixels of each class in each mask.

    Args:
        pixels: For each mask, the number of pixels of each value, (256,).
        values: Meaning of the values.
        num_classes: Number of classes.

    Returns:
        (N, num_classes) int64.
    """
    stacked = np.array(pixels, np.int64).reshape(-1, 256)
    return stacked[:, values.of_classes(num_classes)]


def _short(values: list[int]) -> str:
    if len(values) <= 24:
        return str(values)
    start = ', '.join(map(str, values[:20]))
    return f'[{start}, ..., {values[-1]}]'
