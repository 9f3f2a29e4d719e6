"""The real yapf, in processes with a cache of their own."""

import subprocess
import sys
import time

import pytest
from support import ROOT, environment

# Without the rest of the package, which takes seconds to import.
CALL = f"""
import runpy

path = {str(ROOT / 'mmseg_classmix' / 'cli' / 'yapf_cache.py')!r}
import_yapf = runpy.run_path(path)['import_yapf']
print('imported', flush=True)
import_yapf(ARGUMENTS)
import yapf

print(yapf.yapf_api.FormatCode('a=1')[0].strip())
"""


@pytest.fixture(scope='module')
def start():
    """Starts processes that are about to import yapf."""
    processes = []

    def begin(cache, arguments=''):
        process = subprocess.Popen(
            [sys.executable, '-c', CALL.replace('ARGUMENTS', arguments)],
            env=environment(PYTHONPATH=ROOT, XDG_CACHE_HOME=cache),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        while process.stdout.readline() not in ('imported\n', ''):
            pass
        return process

    yield begin
    for process in processes:
        process.kill()


@pytest.fixture(scope='module')
def tables(tmp_path_factory, start):
    """Where yapf has put its tables, relative to the cache: their bytes."""
    cache = tmp_path_factory.mktemp('cache')
    # communicate() would lose what readline() has read already.
    assert start(cache).stdout.read() == 'a = 1\n'
    files = {
        path.relative_to(cache): path.read_bytes()
        for path in cache.rglob('*.pickle')
    }
    assert files, sorted(cache.rglob('*'))
    return files


def write(cache, tables, share):
    for path, content in tables.items():
        (cache / path).parent.mkdir(parents=True, exist_ok=True)
        (cache / path).write_bytes(content[: int(share * len(content))])


@pytest.mark.parametrize('share', [0, 0.5])
def test_it_waits_for_the_process_that_writes(tmp_path, start, tables, share):
    write(tmp_path, tables, share)
    process = start(tmp_path, 'tries=1000, seconds=0.05')
    time.sleep(2)
    assert process.poll() is None, process.stdout.read()
    write(tmp_path, tables, 1)
    assert process.stdout.read() == 'a = 1\n'


def test_a_cache_that_stays_broken_is_named(tmp_path, start, tables):
    write(tmp_path, tables, 0)
    process = start(tmp_path, 'tries=2, seconds=0.1')
    output = process.stdout.read()
    assert 'RuntimeError: yapf cannot read its cache' in output
    assert 'remove that folder' in output
