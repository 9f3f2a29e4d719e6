"""Which images are labeled: orders of names, and lists of the first ones."""

import hashlib
from fractions import Fraction
from math import floor
from pathlib import Path

from mmseg_classmix.datasets.index_list import load_index_list


def hash_order(names: list[str], seed: int) -> list[str]:
    """Order distinct names by a hash of (seed, name), as on every machine."""
    return sorted(
        names,
        key=lambda name: hashlib.sha256(f'{seed}:{name}'.encode()).digest(),
    )


def order_by_index_list(
    names: list[str], index_list: Path, names_file: Path | None
) -> tuple[list[str], int]:
    """Order the images of a data set by a published list of indices.

    Args:
        names: All names, each once, in the order of the data set.
        index_list: File of indices, see :func:`load_index_list`.
        names_file: List of names that the indices count instead.

    Returns:
        The listed names, then the others, and how many are listed.

    Raises:
        ValueError: If an index or a name does not fit the data set.
    """
    listed = names
    if names_file:
        lines = names_file.read_text(encoding='utf-8').splitlines()
        listed = [line.strip() for line in lines if line.strip()]
        strange = sorted(set(listed) ^ set(names))
        if strange or len(listed) != len(names):
            example = f', such as {strange[0]!r}' if strange else ''
            raise ValueError(
                f'--names {names_file} has {len(listed)} names, the data set '
                f'has {len(names)}: {len(strange)} are not in both{example}'
            )
    indices = load_index_list(index_list)
    if max(indices) >= len(listed):
        raise ValueError(
            f'{index_list} has the index {max(indices)}, but there are only '
            f'{len(listed)} images: is it a list of this data set?'
        )
    chosen = [listed[i] for i in indices]
    return chosen + sorted(set(names) - set(chosen)), len(chosen)


def share_of(fraction: Fraction, total: int) -> int:
    """Count a share of all images; halves go up: 1488 of 2975 for 1/2."""
    return floor(fraction * total + Fraction(1, 2))


def split_names(order: list[str], count: int) -> tuple[list[str], list[str]]:
    """Divide an order into labeled names, the first, and unlabeled ones.

    Returns:
        Labeled and unlabeled names, each sorted.

    Raises:
        ValueError: If one of the two would be empty.
    """
    if not 0 < count < len(order):
        raise ValueError(
            f'{count} labeled of {len(order)} images: both lists need at '
            'least one image, change --fractions, --counts or --count'
        )
    return sorted(order[:count]), sorted(order[count:])


def check_names(names: list[str]) -> None:
    """Refuse names that would not be read from a list as they are written.

    Raises:
        ValueError: If a name has a line break, white space at an end, or
            bytes that are no UTF-8.
    """
    for name in names:
        lines = name.encode('utf-8', 'replace').decode().splitlines()
        if lines != [name] or name.strip() != name:
            raise ValueError(
                f'the image {name!r} cannot be in a list of names, which has '
                'one a line in UTF-8: rename the file; line breaks, white '
                'space at the ends and other encodings are lost there'
            )


def write_list(path: Path, names: list[str], overwrite: bool) -> None:
    """Write one name a line.

    Raises:
        FileExistsError: If the file has other names and may not be replaced.
    """
    content = ''.join(f'{name}\n' for name in names).encode('utf-8')
    if path.exists() and path.read_bytes() != content and not overwrite:
        raise FileExistsError(
            f'{path} has other names: give --overwrite to replace it, which '
            'changes the experiments that use it'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
