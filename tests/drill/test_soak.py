"""Short runs, and one that leaks; the long one is `soak.py` itself."""

import mmap
import re
import threading

import pytest
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from tool_process import run_python

from drill import soak

pytestmark = pytest.mark.slow
QUANTITIES = {
    'resident memory, process (MiB)',
    'resident memory, workers (MiB)',
    'open files',
    'threads',
    'iteration, fastest tenth (ms)',
}


@HOOKS.register_module(force=True)
class Leak(Hook):
    """Keeps 1 MiB, a file and a thread at every iteration."""

    def __init__(self):
        self.kept, self.end = [], threading.Event()

    def after_train_iter(self, runner, batch_idx, *_, **__):
        thread = threading.Thread(target=self.end.wait, daemon=True)
        thread.start()
        # Not from the allocator, which may have memory left.
        memory = mmap.mmap(-1, 2**20)
        memory.write(b'x' * 2**20)
        self.kept.append((memory, open(__file__), thread))


def cells(text):
    """First and last value of every row of the table."""
    rows = re.findall(
        r'^(\S.*?) +([\d.]+) +([\d.]+) +[+-]', text, re.MULTILINE
    )
    return {name: (float(a), float(b)) for name, a, b in rows}


@pytest.mark.parametrize('mode', [[], ['--validation']], ids=['train', 'val'])
def test_short_run_with_workers_is_flat(tmp_path, mode):
    arguments = ['--iters', 100, *mode, '--ignore-time', '--tolerance', 8]
    done = run_python(soak.__file__, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    table = cells(done.stdout)
    assert table.keys() == QUANTITIES
    assert all(first > 0 for first, _ in table.values())
    # What it writes by default is gone.
    assert not any(tmp_path.iterdir())


def test_what_grows_is_named(tmp_path, monkeypatch, capsys):
    make_config = soak.soak_config

    def leaking(*args):
        cfg = make_config(*args)
        cfg.custom_hooks.append(dict(type='Leak'))
        return cfg

    monkeypatch.setattr(soak, 'soak_config', leaking)
    arguments = ['--iters', '100', '--workers', '0', '--ignore-time']
    assert soak.main([*arguments, '--work-dir', str(tmp_path)]) == 1
    text = capsys.readouterr().out
    named = ('resident memory, process (MiB)', 'open files', 'threads')
    assert f'not flat within 3 %: {", ".join(named)}\n' in text
    table = cells(text)
    for name in named:
        first, last = table[name]
        # Medians of the first and the last 20 of 100 iterations.
        assert 70 <= last - first <= 110, name
