"""Short runs, and one that leaks; the long one is `soak.py` itself."""

import mmap
import re
import sys
import threading
from functools import partial

import pytest
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from support import ROOT, run_process
from tool_process import run_python

FOLDER = ROOT / 'tools' / 'dev'
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


@pytest.mark.parametrize(
    ('run', 'mode'),
    [
        (partial(run_process, sys.executable), []),
        (run_python, ['--validation']),
    ],
    ids=['train', 'val'],
)
def test_short_run_with_workers_is_flat(tmp_path, run, mode):
    command = [FOLDER / 'soak.py', '--iters', 100, *mode]
    command += ['--ignore-time', '--tolerance', 8]
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    table = cells(done.stdout)
    assert table.keys() == QUANTITIES
    assert all(first > 0 for first, _ in table.values())
    # What it writes by default is gone.
    assert not any(tmp_path.iterdir())


def test_what_grows_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    import soak

    make_config = soak.soak_config

    def leaking(*args):
        cfg = make_config(*args)
        cfg.custom_hooks.append(dict(type='Leak'))
        return cfg

    monkeypatch.setattr(soak, 'soak_config', leaking)
    command = ['soak.py', '--iters', '100', '--workers', '0']
    command += ['--ignore-time', '--work-dir', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', command)
    with pytest.raises(SystemExit) as stop:
        soak.main()
    assert stop.value.code == (
        '\nnot flat within 3 %: resident memory, process (MiB), open files, '
        'threads'
    )
    table = cells(capsys.readouterr().out)
    for name in ('resident memory, process (MiB)', 'open files', 'threads'):
        first, last = table[name]
        # Medians of the first and the last 20 of 100 iterations.
        assert 70 <= last - first <= 110, name


def test_too_short_a_run_is_refused(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    import soak

    monkeypatch.setattr(sys, 'argv', ['soak.py', '--iters', '99'])
    with pytest.raises(SystemExit):
        soak.parse_args()
    assert '--iters 99 must be at least 100' in capsys.readouterr().err
