"""No checkpoint executes code, whichever way it comes in."""

import pytest
import torch
from mmengine.runner import CheckpointLoader
from run_logs import write_run, write_table_configs
from support import CLASSMIX, call_tool, load
from tool_process import run_tool

from mmseg_classmix.checkpoints import read_checkpoint


class Touch:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, 'w')


@pytest.fixture
def hostile(finished, tmp_path):
    """A checkpoint of ours with code in it, and the file that it makes."""
    target, path = tmp_path / 'executed', tmp_path / 'iter_9.pth'
    content = load(finished / 'iter_4.pth')
    content['meta']['extra'] = Touch(target)
    torch.save(content, path)
    # It does what it says where nobody refuses.
    torch.load(path, weights_only=False)
    assert target.exists()
    target.unlink()
    return path, target


def commands(path, out):
    """Every way to have a checkpoint or weights loaded."""
    train = ['train.py', CLASSMIX, '--work-dir', out, '--cfg-options']
    backbone = 'model.segmentor.backbone.init_cfg'
    pretrained = [f'{backbone}.type=Pretrained', f'{backbone}.checkpoint=']
    pretrained[1] += str(path)
    mixes = ('analysis_tools/browse_mixes.py', CLASSMIX, path)
    return {
        'load_from': [*train, f'load_from={path}'],
        'init_cfg': [*train, *pretrained],
        'resume': [*train, f'resume={path}'],
        'test': ['test.py', CLASSMIX, path, '--work-dir', out],
        'browse': [*mixes, '--output', out / 'mixes.png'],
        'convert': [
            'model_converters/deeplab_coco.py',
            *(path, out / 'out.pth'),
        ],
    }


@pytest.mark.parametrize(
    'way', ['load_from', 'init_cfg', 'resume', 'test', 'browse', 'convert']
)
def test_no_tool_runs_what_is_in_a_checkpoint(way, hostile, tmp_path):
    path, target = hostile
    with pytest.raises(ValueError) as error:
        call_tool(*commands(path, tmp_path / 'out')[way])
    assert str(path) in str(error.value)
    assert not target.exists()
    if way != 'convert':
        assert f'--trust {path}' in str(error.value)


def test_trust_is_for_one_file(hostile, tmp_path):
    path, target = hostile
    arguments = [CLASSMIX, path, '--work-dir', tmp_path / 'run', '--trust']
    output = run_tool('test.py', *arguments, CLASSMIX, cwd=tmp_path, codes=[1])
    assert f'--trust {path}' in output and not target.exists()
    output = run_tool('test.py', *arguments, path, cwd=tmp_path)
    assert 'mIoU' in output and target.exists()


def test_a_run_is_not_resumed_from_a_hostile_checkpoint(
    finished, hostile, tmp_path
):
    path, target = hostile
    # Plain text, which mmengine executes: the config of the run.
    whole = load(finished / 'iter_3.pth')
    whole['meta']['config'] = f'open({str(target)!r}, "w")'
    torch.save(whole, tmp_path / 'iter_3.pth')
    (tmp_path / 'last_checkpoint').write_text(str(path))
    arguments = [CLASSMIX, '--work-dir', tmp_path, '--resume']
    output = run_tool('train.py', *arguments, cwd=tmp_path)
    assert f'Not resumed: {path} cannot be read' in output
    assert f'Resuming from {tmp_path / "iter_3.pth"}' in output
    assert not target.exists()


def test_tables_do_not_run_the_configs_in_work_directories(tmp_path):
    """A run of the first row of Table 1, whose config is a program."""
    configs = write_table_configs(tmp_path / 'configs')
    out, target = tmp_path / 'out', tmp_path / 'executed'
    work_dir = out / 'cityscapes/supervised/cityscapes_1-8/seed_0'
    write_run(work_dir, 'cityscapes_1-8', {40_000: 50})
    # As mmengine dumps the config of a run.
    for path in ('cityscapes_1-8.py', '20260101_000000/vis_data/config.py'):
        (work_dir / path).write_text(f'open({str(target)!r}, "w")\n')
    done = call_tool('analysis_tools/summarize_runs.py', out)
    assert done.returncode == 0, done.stdout
    table = ('cityscapes', '--dry-run', '--only', 'supervised/*_1-8')
    folders = ('--configs', configs, '--work-dir', out)
    done = call_tool('run_table.py', *table, '--seeds', 0, *folders)
    assert 'finished run of 40000 iterations, not 4' in done.stdout
    assert not target.exists()


def test_download_is_data(tmp_path, monkeypatch):
    """The loaders of addresses find their files in the cache of torch."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    cache = tmp_path / 'hub' / 'checkpoints'
    cache.mkdir(parents=True)
    target = tmp_path / 'executed'
    torch.save(dict(a=Touch(target)), cache / 'x.pth')
    torch.save(dict(a=torch.ones(2)), cache / 'y.pth')
    start = 'https://localhost:1/'
    with pytest.raises(ValueError, match=f'--trust {start}x.pth'):
        CheckpointLoader.load_checkpoint(f'{start}x.pth', 'cpu')
    assert not target.exists()
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
