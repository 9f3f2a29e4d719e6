import pytest
import torch

from mmseg_classmix.fileio import read_weights


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
@pytest.mark.parametrize('new', [True, False], ids=['zip', 'before_1.6'])
def test_wrappers_and_prefixes_are_taken_off(wrap, new, tmp_path):
    state = {'conv1.weight': torch.rand(2, 3), 'fc.bias': torch.rand(2)}
    path = tmp_path / 'x.pth'
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
@pytest.mark.parametrize('share', [0, 0.1, 0.5, 0.99])
def test_file_cut_short_is_refused(new, share, tmp_path):
    path = tmp_path / 'x.pth'
    torch.save(
        dict(a=torch.rand(99)), path, _use_new_zipfile_serialization=new
    )
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match='x.pth is damaged'):
        read_weights(path)


@pytest.mark.parametrize('content', [b'<html>404</html>', b'PK', b'\x80\x02'])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / 'x.pth').write_bytes(content)
    with pytest.raises(ValueError, match='x.pth is damaged'):
        read_weights(tmp_path / 'x.pth')
