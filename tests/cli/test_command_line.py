"""The stock command lines of MMSegmentation, read by the real tools."""

import os

import pytest
from support import call_tool

from mmseg_classmix.cli.options import (
    common_parser,
    export_local_rank,
    load_config,
)


def read(*words):
    return common_parser('').parse_args([str(word) for word in words])


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'some_experiment.py'
    path.write_text('size = [1, 2]\nmodel = dict(depth=18, width=64)\n')
    return path


@pytest.mark.parametrize(
    ('words', 'expected'),
    [(['--local_rank=3'], '3'), (['--local-rank=3'], '3'), ([], '0')],
)
def test_local_rank_is_exported(monkeypatch, words, expected):
    # Set first, so that monkeypatch undoes what the function sets.
    monkeypatch.setenv('LOCAL_RANK', '')
    del os.environ['LOCAL_RANK']
    export_local_rank(read('config.py', *words))
    assert os.environ['LOCAL_RANK'] == expected


def test_local_rank_of_the_launcher_wins(monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '5')
    export_local_rank(read('config.py', '--local-rank', 1))
    assert os.environ['LOCAL_RANK'] == '5'


def test_work_dir_is_that_of_the_command_line_then_of_the_config(config):
    assert load_config(read(config)).work_dir == 'work_dirs/some_experiment'
    config.write_text("work_dir = 'of/config'\n")
    assert load_config(read(config)).work_dir == 'of/config'
    args = read(config, '--work-dir', 'of/command')
    assert load_config(args).work_dir == 'of/command'
    args = read(config, '--cfg-options', 'work_dir=of/options')
    assert load_config(args).work_dir == 'of/options'


def test_options_override_values_of_the_config(config):
    cfg = load_config(
        read(config, '--cfg-options', 'model.depth=50', 'size=3,4')
    )
    assert cfg.model == dict(depth=50, width=64)
    assert cfg.size == [3, 4]
    assert cfg.launcher == 'none'
    assert load_config(read(config, '--launcher', 'mpi')).launcher == 'mpi'


@pytest.mark.parametrize(
    ('tool', 'own'),
    [
        ('train.py', ['--resume', '--amp']),
        (
            'test.py',
            ['checkpoint', '--out', '--show', '--show-dir', '--wait-time']
            + ['--tta'],
        ),
    ],
)
def test_tools_have_the_options_of_mmseg(tool, own):
    done = call_tool(tool, '--help')
    assert done.returncode == 0, done.stdout
    common = ['config', '--work-dir', '--cfg-options', '--launcher']
    words = done.stdout.replace(',', ' ').replace(']', ' ').split()
    wanted = {*common, '--local_rank', '--local-rank', *own}
    assert wanted <= set(words)
