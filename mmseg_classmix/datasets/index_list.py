"""Lists of integers from files that nobody vouches for."""

import io
import pickle
import reprlib
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
    data = Path(path).read_bytes()
    try:
        if data.startswith(NPY_MAGIC):
            values = np.load(io.BytesIO(data), allow_pickle=False)
        else:
            values = _plain(_IndexUnpickler(data).load())
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

    def __init__(self, data: bytes) -> None:
        # Python 2 wrote the bytes of arrays as text.
        super().__init__(io.BytesIO(data), encoding='latin1')

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
