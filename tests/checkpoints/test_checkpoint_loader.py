"""No checkpoint executes code, whichever way it comes in."""

import pytest
import torch
from mmengine.runner import CheckpointLoader
from support import CLASSMIX, load
from tool_process import run_tool

from mmseg_classmix.checkpoints import read_checkpoint


class Danger:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


@pytest.fixture
def hostile(finished, tmp_path):
    """A real checkpoint with code in it, and the file that it would make."""
    mark = tmp_path / 'executed'
    checkpoint = load(finished / 'iter_4.pth')
    checkpoint['meta']['danger'] = Danger(mark)
    torch.save(checkpoint, tmp_path / 'iter_9.pth')
    return tmp_path / 'iter_9.pth', mark


def refused(output, path):
    return f'checkpoint {path} is damaged, or holds more' in output and (
        f'--trust {path}' in output
    )


def test_load_from_is_data(hostile, tmp_path):
    path, mark = hostile
    arguments = [CLASSMIX, '--work-dir', tmp_path / 'run', '--cfg-options']
    arguments.append(f'load_from={path}')
    output = run_tool('train.py', *arguments, cwd=tmp_path, codes=[1])
    assert refused(output, path) and not mark.exists()


def test_tested_checkpoint_is_data_unless_trusted(hostile, tmp_path):
    path, mark = hostile
    arguments = [CLASSMIX, path, '--work-dir', tmp_path / 'run']
    output = run_tool('test.py', *arguments, cwd=tmp_path, codes=[1])
    assert refused(output, path) and not mark.exists()
    # Trust is for one file.
    output = run_tool(
        'test.py', *arguments, '--trust', CLASSMIX, cwd=tmp_path, codes=[1]
    )
    assert refused(output, path) and not mark.exists()
    output = run_tool('test.py', *arguments, '--trust', path, cwd=tmp_path)
    assert 'mIoU' in output and mark.exists()


def test_pretrained_weights_are_data(hostile, tmp_path):
    path, mark = hostile
    key = 'model.segmentor.backbone.init_cfg'
    arguments = [CLASSMIX, '--work-dir', tmp_path / 'run', '--cfg-options']
    arguments += [f'{key}.type=Pretrained', f'{key}.checkpoint={path}']
    output = run_tool('train.py', *arguments, cwd=tmp_path, codes=[1])
    assert refused(output, path) and not mark.exists()


def test_resumed_checkpoint_is_data(finished, hostile, tmp_path):
    path, mark = hostile
    # Plain text, which mmengine executes: the config of the run.
    whole = load(finished / 'iter_3.pth')
    whole['meta']['config'] = f'open({str(mark)!r}, "w")'
    torch.save(whole, tmp_path / 'iter_3.pth')
    arguments = [CLASSMIX, '--work-dir', tmp_path, '--resume']
    output = run_tool('train.py', *arguments, cwd=tmp_path)
    assert f'Not resumed: {path} cannot be read' in output
    assert f'Resuming from {tmp_path / "iter_3.pth"}' in output
    assert not mark.exists()


def test_download_is_data(tmp_path, monkeypatch):
    """The loaders of addresses find their files in the cache of torch."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    cache = tmp_path / 'hub' / 'checkpoints'
    cache.mkdir(parents=True)
    mark = tmp_path / 'executed'
    torch.save(dict(a=Danger(mark)), cache / 'x.pth')
    torch.save(dict(a=torch.ones(2)), cache / 'y.pth')
    start = 'https://localhost:1/'
    with pytest.raises(ValueError, match=f'--trust {start}x.pth'):
        CheckpointLoader.load_checkpoint(f'{start}x.pth', 'cpu')
    assert not mark.exists()
    content = CheckpointLoader.load_checkpoint(f'{start}y.pth', 'cpu')
    assert torch.equal(content['a'], torch.ones(2))


@pytest.mark.parametrize('share', [0, 0.3, 0.99])
def test_truncated_checkpoint_is_named(finished, tmp_path, share):
    content = (finished / 'iter_4.pth').read_bytes()
    path = tmp_path / 'cut.pth'
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=f'checkpoint {path} is damaged'):
        read_checkpoint(str(path))


def test_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path / 'x.pth')):
        read_checkpoint(str(tmp_path / 'x.pth'))
