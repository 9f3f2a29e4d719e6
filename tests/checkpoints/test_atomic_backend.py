"""Files that are whole or not there, also after a kill; folders that take them."""

import multiprocessing
import os
import random
import resource
import signal
import time
from pathlib import Path

import pytest
import torch
from mmengine.fileio import get_file_backend
from mmengine.runner.checkpoint import save_checkpoint

from mmseg_classmix.checkpoints import AtomicLocalBackend, check_writable

SIZE = 8 * 2**20


@pytest.fixture
def backend():
    return get_file_backend(backend_args=dict(backend='atomic_local'))


def files_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_it_is_selected_by_its_name(backend):
    assert type(backend) is AtomicLocalBackend


@pytest.mark.parametrize(
    'path', ['relative.bin', Path('relative.bin'), Path('a', 'new', 'folder')]
)
def test_bytes_come_back(backend, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    content = bytes(range(256)) * 100
    backend.put(content, path)
    assert backend.get(path) == content
    assert files_in(Path(path).parent) == {Path(path).name}


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16'])
def test_text_comes_back(backend, tmp_path, encoding):
    path = tmp_path / 'file.txt'
    backend.put_text('Straße\nmiddle\n', path, encoding)
    assert backend.get_text(path, encoding) == 'Straße\nmiddle\n'
    assert path.read_bytes().decode(encoding) == 'Straße\nmiddle\n'


def test_an_old_file_is_replaced(backend, tmp_path):
    path = tmp_path / 'file.bin'
    backend.put(b'long and old', path)
    backend.put(b'new', path)
    assert path.read_bytes() == b'new'


def test_files_get_the_usual_permissions(backend, tmp_path):
    backend.put(b'content', tmp_path / 'ours')
    (tmp_path / 'usual').write_bytes(b'content')
    modes = {(tmp_path / name).stat().st_mode for name in ('ours', 'usual')}
    assert len(modes) == 1


def test_a_checkpoint_of_mmengine_can_be_written(tmp_path):
    path = tmp_path / 'iter_1.pth'
    checkpoint = dict(state_dict=dict(weight=torch.arange(5.0)))
    args = dict(backend='atomic_local')
    save_checkpoint(checkpoint, str(path), backend_args=args)
    loaded = torch.load(path, weights_only=True)
    assert torch.equal(loaded['state_dict']['weight'], torch.arange(5.0))
    assert files_in(tmp_path) == {'iter_1.pth'}


def test_content_that_cannot_be_written_leaves_the_old_file(backend, tmp_path):
    path = tmp_path / 'file.bin'
    backend.put(b'old', path)
    with pytest.raises(TypeError):
        backend.put('text where bytes are due', path)
    assert path.read_bytes() == b'old'
    assert files_in(tmp_path) == {'file.bin'}


@pytest.mark.parametrize('existing', [True, False])
def test_a_write_that_stops_halfway_leaves_the_old_file(
    backend, tmp_path, existing
):
    path = tmp_path / 'file.bin'
    if existing:
        backend.put(b'old', path)
    # Python ignores SIGXFSZ: a write past the limit fails like a full disk.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        with pytest.raises(OSError):
            backend.put(bytes(4 * 2**20), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files_in(tmp_path) == ({'file.bin'} if existing else set())
    if existing:
        assert path.read_bytes() == b'old'


def test_a_place_that_is_a_folder_is_an_error(backend, tmp_path):
    (tmp_path / 'file.bin').mkdir()
    with pytest.raises(OSError):
        backend.put(b'content', tmp_path / 'file.bin')
    assert files_in(tmp_path) == {'file.bin'}


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write into any folder')
def test_a_folder_that_cannot_be_written_leaves_the_old_file(
    backend, tmp_path
):
    path = tmp_path / 'file.bin'
    backend.put(b'old', path)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError):
            backend.put(b'new', path)
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == b'old'


def write_forever(path: Path) -> None:
    backend = AtomicLocalBackend()
    count = 0
    while True:
        backend.put(bytes([count % 256]) * SIZE, path)
        count += 1


@pytest.mark.parametrize('trial', range(3))
def test_a_killed_process_leaves_a_whole_file(tmp_path, trial):
    path = tmp_path / 'file.bin'
    context = multiprocessing.get_context('fork')
    process = context.Process(target=write_forever, args=(path,), daemon=True)
    process.start()
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline, 'nothing was written'
        time.sleep(0.001)
    time.sleep(random.Random(trial).uniform(0, 0.1))
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    content = path.read_bytes()
    assert len(content) == SIZE
    assert content == content[:1] * SIZE


def test_a_folder_is_made_and_left_empty(tmp_path):
    check_writable(str(tmp_path / 'a' / 'b'))
    assert os.listdir(tmp_path / 'a' / 'b') == []


def test_a_file_in_its_place_is_named_with_the_way_out(tmp_path):
    (tmp_path / 'file').write_text('')
    folder = str(tmp_path / 'file' / 'run')
    with pytest.raises(OSError) as error:
        check_writable(folder, 'some.key')
    for word in (f'some.key={folder!r}', '--work-dir', 'MB free'):
        assert word in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write into any folder')
def test_a_folder_of_others_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match='work_dir='):
        check_writable(str(tmp_path))
    tmp_path.chmod(0o700)
