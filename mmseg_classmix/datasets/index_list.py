"""Lists of integers from files that nobody vouches for."""

import pickle
import pickletools
import reprlib
from pathlib import Path
from typing import Any

import numpy as np

NPY_MAGIC = b'\x93NUMPY'


def load_index_list(path: str | Path) -> list[int]:
    """Read a published list of indices without executing anything in it.

    Args:
        path: A numpy file (.npy), or a pickle of a list, a tuple or a numpy
            array of integers.

    Returns:
        Distinct non-negative integers in the order of the file.

    Raises:
        ValueError: If the file asks for anything but integers, such as a
            function, or the indices are no such list.
    """
    with open(path, 'rb') as file:
        is_npy = file.read(len(NPY_MAGIC)) == NPY_MAGIC
        file.seek(0)
        try:
            if is_npy:
                values = np.load(file, allow_pickle=False)
            else:
                _check_memory(file.read())
                file.seek(0)
                values = _IndexUnpickler(file).load()
        # A damaged or hostile pickle may raise anything.
        except Exception as error:
            raise ValueError(
                f'{path} is no list of integers (numpy file, or pickle of a '
                f'list or array): {error}'
            ) from error
    values = values.values if isinstance(values, _Array) else values
    values = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(values, (list, tuple)) or not values:
        raise ValueError(f'{path} holds no list of integers')
    indices = [_integer(value) for value in values]
    bad = [v for v, i in zip(values, indices, strict=True) if i is None]
    if bad:
        # A plain str of nested lists may be longer than the memory.
        raise ValueError(
            f'{path} holds {reprlib.repr(bad[0])[:60]}, but every entry must '
            'be a non-negative integer'
        )
    if len(set(indices)) < len(indices):
        raise ValueError(f'{path} holds the same index more than once')
    return indices


def order_by_index_list(
    names: list[str], index_list: Path, names_file: Path | None
) -> tuple[list[str], int]:
    """Order the images of a data set by a published list of indices.

    Args:
        names: All names, each once, in the order of the data set.
        index_list: File of indices, see :func:`load_index_list`.
        names_file: List of names that the indices count, instead of
            ``names``.

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


def _check_memory(data: bytes) -> None:
    """Refuse a short pickle that makes the unpickler allocate gigabytes.

    Values are numbered when they are put aside: a number beyond the length of
    the file serves nothing but to make the list of them that long.
    """
    for opcode, argument, _ in pickletools.genops(data):
        if 'PUT' in opcode.name and argument > len(data):
            raise pickle.UnpicklingError(
                f'it puts value {argument} aside, but is {len(data)} bytes'
            )


def _integer(value: Any) -> int | None:
    """Return a non-negative integer as int, anything else as None."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return None
    return int(value) if value >= 0 else None


class _DType:
    """Stands in for numpy.dtype: integers only."""

    def __init__(self, code: str, *_: Any) -> None:
        self.dtype = np.dtype(code) if isinstance(code, str) else None
        if self.dtype is None or self.dtype.kind not in 'iu':
            raise pickle.UnpicklingError(f'the type {code!r} is no integer')

    def __setstate__(self, state: tuple) -> None:
        order = state[1]
        self.dtype = self.dtype.newbyteorder('=' if order == '|' else order)


class _Array:
    """Stands in for numpy.ndarray: a vector of integers."""

    values = np.empty(0, int)

    def __setstate__(self, state: tuple) -> None:
        _version, shape, kind, _fortran, data = state
        self.values = _vector(data, kind, shape)


def _vector(data: bytes | str, kind: _DType, shape: tuple) -> np.ndarray:
    if not isinstance(kind, _DType) or len(shape) != 1:
        raise pickle.UnpicklingError('the array is no vector of integers')
    data = data.encode('latin1') if isinstance(data, str) else data
    return np.frombuffer(data, kind.dtype, shape[0])


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _from_buffer(data: bytes, kind: _DType, shape: tuple, _: str) -> Any:
    return _vector(data, kind, shape)


def _scalar(kind: _DType, data: bytes | str) -> np.integer:
    return _vector(data, kind, (1,))[0]


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for _codecs.encode: bytes in pickles of old protocols."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'the encoding {encoding!r} is refused')
    return text.encode('latin1')


# Names in pickles of integers, and what is called in their place. numpy 2
# renamed core to _core.
_STAND_INS = {
    ('numpy', 'ndarray'): None,
    ('numpy', 'dtype'): _DType,
    ('_codecs', 'encode'): _encode,
}
for _core in ('numpy.core', 'numpy._core'):
    _STAND_INS[f'{_core}.multiarray', '_reconstruct'] = _reconstruct
    _STAND_INS[f'{_core}.multiarray', 'scalar'] = _scalar
    _STAND_INS[f'{_core}.numeric', '_frombuffer'] = _from_buffer


class _IndexUnpickler(pickle.Unpickler):
    """An unpickler that calls nothing but the functions of this file."""

    def __init__(self, file: Any) -> None:
        # Python 2 wrote the bytes of arrays as text.
        super().__init__(file, encoding='latin1')

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up in the table of this file only."""
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(
                f'it asks for {module}.{name}, which is refused'
            )
        return _STAND_INS[module, name]
