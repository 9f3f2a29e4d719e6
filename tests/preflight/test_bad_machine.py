"""What is wrong with the machine is said by the tools themselves."""

import os
import socket

import pytest
import torch
from error_table import ROWS, row
from support import CLASSMIX, ROOT, run_process
from tool_process import run_python

from mmseg_classmix.cli.options import common_parser, load_config

TRAIN = ROOT / 'tools' / 'train.py'


@row('--amp without a GPU')
def test_amp_needs_a_gpu(tmp_path, tiny_data):
    if torch.cuda.is_available():
        pytest.skip('this machine has the GPU')
    done = run_python(TRAIN, CLASSMIX, '--amp', cwd=tmp_path)
    assert done.returncode == 2
    last = done.stdout.strip().splitlines()[-1]
    assert '--amp needs a GPU' in last and 'leave it out' in last
    assert not list(tmp_path.iterdir())


@row('config is missing')
def test_config_that_is_not_there():
    args = common_parser('').parse_args(['no/such.py'])
    with pytest.raises(FileNotFoundError) as error:
        load_config(args)
    message = str(error.value)
    assert 'no config no/such.py' in message and os.getcwd() in message


@row('work directory that cannot be written')
def test_work_dir_below_a_file(tmp_path, tiny_data):
    # The tests may run as root, whom no permission stops.
    (tmp_path / 'taken').write_text('a file')
    work_dir = tmp_path / 'taken' / 'run'
    done = run_python(TRAIN, CLASSMIX, '--work-dir', work_dir, cwd=tmp_path)
    assert done.returncode == 1
    end = done.stdout[done.stdout.rindex('before the first iteration') :]
    for word in (f'work_dir={str(work_dir)!r}', '--work-dir'):
        assert word in end
    assert end.startswith('before the first iteration\n1. ')
    assert '\n2. ' not in end


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
@row('port in use')
def test_port_of_another_run(script, tmp_path, tiny_data):
    assert ROWS['port in use'].found == 'start'
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        arguments = ['x.pth'] if 'test' in script else []
        done = run_process(
            ROOT / 'tools' / script,
            CLASSMIX,
            *arguments,
            2,
            cwd=tmp_path,
            PORT=port,
        )
    assert done.returncode == 1
    (line,) = done.stdout.strip().splitlines()
    assert f'PORT={port} of 127.0.0.1 is in use' in line
    assert 'choose another port' in line


@row('port out of range')
def test_port_that_is_none(tmp_path, tiny_data):
    script = ROOT / 'tools' / 'dist_train.sh'
    done = run_process(script, CLASSMIX, 2, cwd=tmp_path, PORT='70000')
    assert done.returncode == 1
    (line,) = done.stdout.strip().splitlines()
    assert 'PORT=70000' in line and '65535' in line
