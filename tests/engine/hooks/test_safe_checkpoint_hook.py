"""No fault of the disk costs the last checkpoint."""

import os
import subprocess
from typing import ClassVar

import pytest
from mmengine.fileio import FileClient, LocalBackend, register_backend
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from support import CLASSMIX, load, tiny_config, train
from tool_process import run_python

from mmseg_classmix.engine.runner import ClassMixRunner

ONE = {
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.checkpoint.max_keep_ckpts': 1,
}
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason='only root may mount a file system'
)


@HOOKS.register_module()
class Listing(Hook):
    """Lists the checkpoints before every save."""

    def __init__(self):
        self.seen = []

    def before_save_checkpoint(self, runner, checkpoint):
        self.seen.append(checkpoints(runner.work_dir))


def checkpoints(folder):
    return {name for name in os.listdir(folder) if name.endswith('.pth')}


def test_the_old_checkpoints_stay_until_the_new_ones_are_there(
    tmp_path, monkeypatch
):
    scores = iter([10.0, 20.0])

    def evaluate(self, size):
        return {'student/mIoU': next(scores)}

    monkeypatch.setattr('mmengine.evaluator.Evaluator.evaluate', evaluate)
    options = {'train_cfg.val_interval': 2, 'val_cfg.type': 'ValLoop'}
    cfg = tiny_config(tmp_path, **ONE, **options)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='Listing')]
    runner = ClassMixRunner.from_cfg(cfg)
    listing = next(h for h in runner.hooks if isinstance(h, Listing))
    runner.train()
    old, new = (f'best_student_mIoU_iter_{i}.pth' for i in (2, 4))
    assert listing.seen == [
        set(),
        {'iter_1.pth'},
        # The best one, and the last one again, which then knows of it.
        {'iter_2.pth'},
        {'iter_2.pth', old},
        {'iter_2.pth', old},
        {'iter_3.pth', old},
        {'iter_4.pth', old},
        # Deleted after the last write that belongs to the new best.
        {'iter_4.pth', old, new},
    ]
    assert checkpoints(tmp_path) == {'iter_4.pth', new}


@pytest.fixture
def mounted(tmp_path):
    """Mount a file system of a size, or with other options, on a folder."""
    folder = tmp_path / 'small'
    folder.mkdir()

    def mount(options):
        command = ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f'cannot mount a file system: {done.stderr}')
        return folder

    yield mount
    # Lazily: the log is still open.
    subprocess.run(['umount', '-l', folder], capture_output=True)


@needs_root
def test_a_full_disk_keeps_the_last_checkpoint(mounted, finished):
    size = (finished / 'iter_1.pth').stat().st_size
    # Room for one and a half.
    work_dir = mounted(f'size={size * 3 // 2}')
    with pytest.raises(OSError) as caught:
        train(work_dir, **ONE)
    message = str(caught.value)
    free = (
        os.statvfs(work_dir).f_bavail * os.statvfs(work_dir).f_frsize
    ) / 1e6
    for word in (str(work_dir / 'iter_2.pth'), 'No space left', '--resume'):
        assert word in message
    said = float(message.split(' MB free')[0].split()[-1])
    assert said == pytest.approx(free, abs=0.1)
    assert checkpoints(work_dir) == {'iter_1.pth'}
    assert not list(work_dir.glob('.*'))
    assert load(work_dir / 'iter_1.pth')['meta']['iter'] == 1
    subprocess.run(
        ['mount', '-o', f'remount,size={size * 9}', work_dir], check=True
    )
    resumed = train(work_dir, resume=True, **ONE)
    assert resumed.iter == 4
    whole = load(finished / 'iter_4.pth')['state_dict']
    again = load(work_dir / 'iter_4.pth')['state_dict']
    assert all((again[key] == value).all() for key, value in whole.items())


@needs_root
def test_a_read_only_work_dir_is_named_at_once(mounted, tmp_path):
    work_dir = mounted('size=100k,ro') / 'run'
    done = run_python(
        'train.py',
        CLASSMIX,
        '--work-dir',
        work_dir,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-1]
    for word in (str(work_dir), 'Read-only file system', '--work-dir'):
        assert word in last
    # Nothing was built before.
    assert 'Runner' not in done.stdout


@needs_root
def test_a_read_only_folder_of_checkpoints_is_named_before_training(
    mounted, tmp_path
):
    folder = mounted('size=100k,ro')
    options = {'default_hooks.checkpoint.out_dir': str(folder)}
    with pytest.raises(OSError) as caught:
        train(tmp_path / 'run', **options)
    assert 'default_hooks.checkpoint.out_dir' in str(caught.value)


class Memory(LocalBackend):
    """Storage of which the file system knows nothing."""

    files: ClassVar[dict] = {}

    def put(self, obj, filepath):
        self.files[filepath] = obj


@pytest.mark.parametrize('backend', ['local', 'atomic_local'])
def test_an_address_is_no_folder(backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {
        'default_hooks.checkpoint.out_dir': 's3://bucket/runs',
        'default_hooks.checkpoint.backend_args': dict(backend=backend),
    }
    with pytest.raises(ValueError) as caught:
        train(tmp_path / 'run', **options)
    message = str(caught.value)
    for word in ("out_dir='s3://bucket/runs'", 'checkpoint.backend_args'):
        assert word in message
    assert not (tmp_path / 's3:').exists()


def test_an_address_is_written_by_its_backend(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for register in (register_backend, FileClient.register_backend):
        # mmengine makes its older client, too.
        register('memory', Memory, prefixes='memory', force=True)
    options = {
        'default_hooks.checkpoint.out_dir': 'memory://runs',
        'default_hooks.checkpoint.backend_args': None,
        'train_cfg.val_interval': 9,
    }
    train(tmp_path / 'run', **options)
    assert 'memory://runs/run/iter_4.pth' in Memory.files
    assert not (tmp_path / 'memory:').exists()


def test_a_validation_alone_saves_nothing(tmp_path):
    runner = ClassMixRunner.from_cfg(tiny_config(tmp_path))
    assert 'student/mIoU' in runner.val()
    assert not checkpoints(tmp_path)
