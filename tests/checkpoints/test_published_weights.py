"""Weights published by others are read as untrusted data."""

import contextlib
import io
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_classmix.checkpoints import read_weights


@pytest.mark.parametrize(
    'wrap',
    [
        lambda state: state,
        lambda state: dict(state_dict=state, epoch=3),
        lambda state: dict(model=dict(state_dict=state)),
        lambda state: {f'Scale.{k}': v for k, v in state.items()},
        lambda state: {f'Scale.module.{k}': v for k, v in state.items()},
        lambda state: dict(
            state_dict={f'module.Scale.{k}': v for k, v in state.items()}
        ),
    ],
)
def test_wrappers_and_prefixes_are_taken_off(wrap, tmp_path):
    state = {'conv1.weight': torch.rand(2, 3), 'fc.bias': torch.rand(2)}
    path = tmp_path / 'x.pth'
    # The second format is that before PyTorch 1.6.
    for new in (True, False):
        torch.save(wrap(state), path, _use_new_zipfile_serialization=new)
        found = read_weights(path)
        assert found.keys() == state.keys()
        assert all(torch.equal(found[key], state[key]) for key in state)


def test_prefix_of_some_names_stays(tmp_path):
    state = {'module.a': torch.rand(1), 'b': torch.rand(1)}
    torch.save(state, tmp_path / 'x.pth')
    assert read_weights(tmp_path / 'x.pth').keys() == state.keys()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (dict(epoch=3, weight=torch.zeros(1)), 'not tensors: epoch'),
        ([1, 2], r'holds \[1, 2\], not tensors by name'),
        (torch.zeros(3), 'holds tensor.*, not tensors by name'),
        ({}, 'holds {}, not tensors by name'),
    ],
)
def test_other_content_is_refused(content, message, tmp_path):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=f'x.pth.*{message}'):
        read_weights(tmp_path / 'x.pth')


@pytest.mark.parametrize('new', [True, False], ids=['zip', 'before_1.6'])
def test_code_in_a_file_is_not_run(new, tmp_path):
    class Danger:
        def __reduce__(self):
            return (open, (str(tmp_path / 'executed'), 'w'))

    path = tmp_path / 'x.pth'
    torch.save(
        dict(a=torch.zeros(1), danger=Danger()),
        path,
        _use_new_zipfile_serialization=new,
    )
    with pytest.raises(ValueError, match='no file of tensors'):
        read_weights(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('new', [True, False], ids=['zip', 'before_1.6'])
def test_file_cut_short_is_refused(new, tmp_path):
    path = tmp_path / 'x.pth'
    torch.save(
        dict(a=torch.rand(99)), path, _use_new_zipfile_serialization=new
    )
    content = path.read_bytes()
    for share in (0, 0.1, 0.5, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match='x.pth is damaged'):
            read_weights(path)


def test_other_files_are_refused(tmp_path):
    for content in (b'<html>404</html>', b'PK', b'\x80\x02'):
        (tmp_path / 'x.pth').write_bytes(content)
        with pytest.raises(ValueError, match='x.pth is damaged'):
            read_weights(tmp_path / 'x.pth')


def nested(depth):
    """Small in a file, 2 ** depth long as a text."""
    value = [0]
    for _ in range(depth):
        value = [value, value]
    return value


def wrapped_in_itself():
    state = {}
    state['state_dict'] = state
    return state


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (nested(60), 'not tensors by name'),
        (dict(state_dict=nested(60)), 'not tensors by name'),
        (wrapped_in_itself(), 'not tensors: state_dict'),
        (dict(model=dict(state_dict=dict(model=wrapped_in_itself()))), 'not'),
        ({1: torch.zeros(1)}, 'not tensors: 1'),
        ({('a',) * 99: torch.zeros(1)}, r'not tensors: \('),
    ],
    ids=['nested', 'nested inside', 'loop', 'long loop', 'number', 'tuple'],
)
def test_bombs_are_refused_at_once(content, message, tmp_path):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=f'x.pth.*{message}') as error:
        read_weights(tmp_path / 'x.pth')
    assert len(str(error.value)) < 500


@settings(max_examples=60, deadline=None)
@given(data=st.data(), new=st.booleans())
def test_damaged_files_raise_a_value_error_or_nothing(data, new):
    content = io.BytesIO()
    torch.save(
        {'a.weight': torch.rand(3, 2), 'b': torch.zeros(1).long()},
        content,
        _use_new_zipfile_serialization=new,
    )
    damaged = bytearray(content.getvalue())
    places = st.integers(0, len(damaged) - 1)
    changes = st.dictionaries(places, st.integers(0, 255), max_size=4)
    for place, value in data.draw(changes).items():
        damaged[place] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'x.pth')
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError):
            assert all(map(torch.is_tensor, read_weights(path).values()))


def test_missing_file_is_called_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match='x.pth'):
        read_weights(tmp_path / 'x.pth')
