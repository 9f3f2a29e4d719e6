import collections
import contextlib
import os
import pickle
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_classmix.datasets.splits import load_index_list, order_by_index_list

INDICES = [7, 0, 300, 4]
# numpy.array([5, 1], dtype=int64), pickled by Python 2.7 with numpy 1.
PYTHON_2 = (
    b'\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq'
    b'\x02K\x00\x85q\x03U\x01bq\x04\x87q\x05Rq\x06(K\x01K\x02\x85q\x07cnumpy'
    b'\ndtype\nq\x08U\x02i8q\tK\x00K\x01\x87q\nRq\x0b(K\x03U\x01<q\x0cNNNJ'
    b'\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\rb\x89U\x10'
    + struct.pack('<qq', 5, 1)
    + b'q\x0etq\x0fb.'
)


def write(tmp_path, data):
    path = tmp_path / 'indices.pkl'
    path.write_bytes(data)
    return path


def test_numpy_files(tmp_path):
    for dtype in ('int64', 'uint16', '>i4'):
        np.save(tmp_path / 'indices.npy', np.array(INDICES, dtype))
        assert load_index_list(tmp_path / 'indices.npy') == INDICES


@pytest.mark.parametrize(
    'values',
    [
        INDICES,
        tuple(INDICES),
        np.array(INDICES),
        np.array(INDICES, '>u2'),
        list(np.array(INDICES)),
    ],
    ids=['list', 'tuple', 'array', 'big-endian', 'numpy integers'],
)
def test_pickles_of_every_protocol(tmp_path, values):
    for protocol in range(6):
        data = pickle.dumps(values, protocol)
        indices = load_index_list(write(tmp_path, data))
        assert indices == INDICES
        assert all(type(index) is int for index in indices)


def test_pickles_of_numpy_1_and_python_2(tmp_path):
    data = pickle.dumps(np.array(INDICES), 2)
    data = data.replace(b'numpy._core', b'numpy.core')
    assert load_index_list(write(tmp_path, data)) == INDICES
    assert load_index_list(write(tmp_path, PYTHON_2)) == [5, 1]


class Touch:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.open, (self.path, os.O_CREAT)


class Evaluate(Touch):
    def __reduce__(self):
        return eval, (f'open({self.path!r}, "w")',)


@pytest.mark.parametrize(
    ('kind', 'protocol', 'inside'),
    [(Touch, 0, True), (Evaluate, 2, False), (Touch, 5, True)],
)
def test_hostile_pickle_executes_nothing(tmp_path, kind, protocol, inside):
    target = tmp_path / 'created'
    hostile = kind(target)
    data = pickle.dumps([1, hostile] if inside else hostile, protocol)
    # The pickle does what it says where nobody refuses.
    pickle.loads(data)
    assert target.exists()
    target.unlink()
    with pytest.raises(ValueError, match='refused') as error:
        load_index_list(write(tmp_path, data))
    assert not target.exists()
    assert 'eval' in str(error.value) or 'open' in str(error.value)


def test_object_array_in_a_numpy_file_executes_nothing(tmp_path):
    target = tmp_path / 'created'
    path = tmp_path / 'indices.npy'
    np.save(path, np.array([Touch(target)], object), allow_pickle=True)
    with pytest.raises(ValueError, match='indices.npy'):
        load_index_list(path)
    assert not target.exists()


@pytest.mark.parametrize(
    'values',
    [
        [1, 2.0],
        [True, False],
        [1, -1],
        [1, [2]],
        [],
        7,
        {1: 2},
        collections.OrderedDict({1: 2}),
        np.array([0.5, 1]),
        np.array([1, 2], object),
        np.array([[1, 2]]),
        [3, 4, 3],
    ],
    ids=str,
)
def test_anything_but_distinct_indices_is_refused(tmp_path, values):
    path = write(tmp_path, pickle.dumps(values))
    with pytest.raises(ValueError, match='indices.pkl'):
        load_index_list(path)


def test_list_that_is_small_in_a_file_and_endless_as_a_text(tmp_path):
    value = [0]
    for _ in range(60):
        value = [value, value]
    path = write(tmp_path, pickle.dumps([1, value]))
    with pytest.raises(ValueError, match='indices.pkl holds') as error:
        load_index_list(path)
    assert len(str(error.value)) < 500


@settings(max_examples=150, deadline=None)
@given(
    data=st.binary(max_size=40)
    | st.builds(
        lambda start, values, end: start + pickle.dumps(values)[2:-1] + end,
        st.sampled_from([b'\x80\x02', b'\x80\x04', b'(', b'']),
        st.lists(st.integers(), max_size=3),
        st.binary(max_size=12),
    )
)
def test_any_bytes_are_a_list_of_indices_or_a_value_error(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'indices.pkl')
        path.write_bytes(data)
        with contextlib.suppress(ValueError):
            indices = load_index_list(path)
            assert all(type(i) is int and i >= 0 for i in indices)


def test_short_file_does_not_take_gigabytes(tmp_path):
    # Python's unpickler makes room for two billion values.
    data = b'\x80\x04K\x01r' + (2**30).to_bytes(4, 'little') + b'.'
    with pytest.raises(ValueError, match='indices.pkl'):
        load_index_list(write(tmp_path, data))


@pytest.mark.parametrize('data', [b'', b'1 2 3', pickle.dumps(INDICES)[:-4]])
def test_damaged_file_is_refused(tmp_path, data):
    with pytest.raises(ValueError, match='indices.pkl'):
        load_index_list(write(tmp_path, data))


@pytest.mark.parametrize(
    ('indices', 'listed', 'message'),
    [
        ([0, 4], None, 'index 4, but there are only 4 images'),
        ([0], 'a b c dog', "such as 'd'"),
        ([0], 'a b c d d', 'names.txt has 5 names'),
        ([0], 'a b c', "such as 'd'"),
    ],
)
def test_indices_of_another_data_set_are_refused(
    tmp_path, indices, listed, message
):
    file = write(tmp_path, pickle.dumps(indices))
    names_file = None
    if listed:
        names_file = tmp_path / 'names.txt'
        names_file.write_text(listed.replace(' ', '\n'))
    with pytest.raises(ValueError, match=message):
        order_by_index_list(list('abcd'), file, names_file)
