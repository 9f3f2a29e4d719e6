"""Which images are labeled: orders of names, and lists of the first ones."""

import hashlib
import io
import pickle
import reprlib
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np

NPY_MAGIC = b'\x93NUMPY'
# What pickles of integers ask for; numpy 2 renamed core to _core.
KNOWN = {'numpy.ndarray', 'numpy.dtype', '_codecs.encode'} | {
    f'numpy.{core}.{name}'
    for core in ('core', '_core')
    for name in (
        'multiarray._reconstruct',
        'multiarray.scalar',
        'numeric._frombuffer',
    )
}


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

    The indices count ``names``, or those of a file. Returns the listed names,
    then the others, and how many are listed.
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
    """Divide an order into labeled names, the first, and others, sorted."""
    if not 0 < count < len(order):
        raise ValueError(
            f'{count} labeled of {len(order)} images: both lists need at '
            'least one image, change --fractions, --counts or --count'
        )
    return sorted(order[:count]), sorted(order[count:])


def check_names(names: list[str]) -> None:
    """Refuse names that would not be read from a list as they are written."""
    for name in names:
        lines = name.encode('utf-8', 'replace').decode().splitlines()
        if lines != [name] or name.strip() != name:
            raise ValueError(
                f'the image {name!r} cannot be in a list of names, which has '
                'one a line in UTF-8: rename the file; line breaks, white '
                'space at the ends and other encodings are lost there'
            )


def write_list(path: Path, names: list[str], overwrite: bool) -> None:
    """Write one name a line, not over other names unless ``overwrite``."""
    content = ''.join(f'{name}\n' for name in names).encode('utf-8')
    if path.exists() and path.read_bytes() != content and not overwrite:
        raise FileExistsError(
            f'{path} has other names: give --overwrite to replace it, which '
            'changes the experiments that use it'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def load_index_list(path: str | Path) -> list[int]:
    """Read distinct indices, without executing anything that a file asks for.

    The file is numpy's (.npy), or a pickle of a list, a tuple or an array.
    """
    data = Path(path).read_bytes()
    try:
        if data.startswith(NPY_MAGIC):
            values = np.load(io.BytesIO(data), allow_pickle=False)
        else:
            # Python 2 wrote the bytes of arrays as text.
            pickled = _IndexUnpickler(io.BytesIO(data), encoding='latin1')
            values = _plain(pickled.load())
    # A damaged or hostile pickle may raise anything.
    except Exception as error:
        raise ValueError(
            f'{path} is no list of integers (numpy file, or pickle of a '
            f'list or array): {error}'
        ) from error
    values = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(values, list | tuple) or not values:
        raise ValueError(f'{path} holds no list of integers')
    for value in values:
        if type(value) is not int or value < 0:
            # A plain str of nested lists may be longer than the memory.
            raise ValueError(
                f'{path} holds {reprlib.repr(value)[:60]}, but every entry '
                'must be a non-negative integer'
            )
    if len(set(values)) < len(values):
        raise ValueError(f'{path} holds the same index more than once')
    return list(values)


class _Record:
    """Takes the place of all that a pickle calls; keeps what it is given."""

    name, state = '', ()

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: tuple) -> None:
        self.state = state


# Not the one in C, which makes room for as many values as a file claims.
class _IndexUnpickler(pickle._Unpickler):
    """An unpickler that calls nothing but :class:`_Record`."""

    def find_class(self, module: str, name: str) -> type[_Record]:
        """Make a record of a known name."""
        whole = f'{module}.{name}'
        if whole not in KNOWN:
            raise pickle.UnpicklingError(f'it asks for {whole}: refused')
        return type(name, (_Record,), dict(name=name))


def _plain(value: Any) -> Any:
    """Make integers of the records of numpy's integers and arrays."""
    if isinstance(value, list | tuple):
        return [_plain(v) if isinstance(v, _Record) else v for v in value]
    if not isinstance(value, _Record):
        return value
    if value.name == 'scalar':
        kind, data = value.args
        return _vector(data, kind, (1,))[0].item()
    if value.name == '_frombuffer':
        data, kind, shape, _order = value.args
    else:
        _version, shape, kind, _fortran, data = value.state
    return _vector(data, kind, shape)


def _vector(data: Any, kind: _Record, shape: tuple) -> np.ndarray:
    if isinstance(data, _Record):
        # Bytes in pickles of old protocols: text, and its encoding.
        data, _latin1 = data.args
    data = data.encode('latin1') if isinstance(data, str) else data
    order = kind.state[1]
    dtype = np.dtype(kind.args[0]).newbyteorder('=' if order == '|' else order)
    if dtype.kind not in 'iu' or len(shape) != 1:
        raise pickle.UnpicklingError('the array is no vector of integers')
    return np.frombuffer(data, dtype, *shape)
