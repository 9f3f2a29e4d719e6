"""The launch scripts pass on what they are given, and run none of it."""

import argparse
import importlib
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from mmengine.config import DictAction
from support import CLASSMIX, ROOT, run_process

TOOLS = ROOT / 'tools'
# Put in place of python and srun: writes its arguments, each ended by NUL.
RECORDER = '#!/usr/bin/env bash\nprintf "%s\\0" "$@" > "$RECORD"\n'
NASTY = [
    'a b; touch x',
    '$(touch x)',
    '`touch x`',
    'a && touch x',
    'a | tee x',
    '> x',
    "it's",
    'say "x"',
    "'; touch x; '",
    '"; touch x; "',
    '*',
    '[a-z]?',
    '~',
    '$HOME',
    '${IFS}',
    'back\\slash\\',
    'two\nlines',
    '\ttab ',
    '',
    '--',
    '-n',
    '{a,b}',
    '!!',
    '#',
    'Größe 大',
]
CALLS = {
    'dist_train.sh': ['{config}', '2'],
    'dist_test.sh': ['{config}', '{checkpoint}', '2'],
    'slurm_train.sh': ['{partition}', '{job}', '{config}'],
    'slurm_test.sh': ['{partition}', '{job}', '{config}', '{checkpoint}'],
}
every_script = pytest.mark.parametrize('script', CALLS)


@pytest.fixture
def called(tmp_path):
    """Run a script in a folder of its own; what it has called, by word."""
    for name in ('srun', 'python', 'python3'):
        program = tmp_path / 'bin' / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(RECORDER)
        program.chmod(0o755)
    folder = tmp_path / 'here'
    folder.mkdir()
    (folder / 'abc').touch()

    def call(script, *arguments, cwd=folder, **env):
        done = run_process(
            'bash',
            # A whole name: one of ours. A path: as it stands.
            TOOLS / script if isinstance(script, str) else script,
            *arguments,
            cwd=cwd,
            PATH=f'{tmp_path / "bin"}:/usr/bin:/bin',
            RECORD=tmp_path / 'words',
            **env,
        )
        assert [path.name for path in folder.iterdir()] == ['abc']
        assert done.returncode == 0, done.stdout
        return (tmp_path / 'words').read_bytes().decode().split('\0')[:-1]

    return call


@every_script
def test_every_argument_arrives_as_it_was_given(called, script):
    # All in one, and those that mean something as a whole word.
    for name in (' '.join(NASTY), '*', '~', '-n', '#', '--', '{a,b}', '!!'):
        keys = ('config', 'checkpoint', 'partition', 'job')
        places = dict.fromkeys(keys, name)
        tail = ['--work-dir', name, '--cfg-options', *NASTY]
        words = called(
            script, *(part.format(**places) for part in CALLS[script]), *tail
        )
        assert words[-len(tail) :] == tail
        *_, launcher = (i for i, w in enumerate(words) if w == '--launcher')
        files = 1 + ('{checkpoint}' in CALLS[script])
        assert words[launcher - files : launcher] == [name] * files
        how = 'slurm' if 'slurm' in script else 'pytorch'
        assert words[launcher + 1] == how
        if how == 'slurm':
            assert words[:2] == ['-p', name]
            assert f'--job-name={name}' in words


@every_script
def test_the_environment_is_not_run_either(called, script):
    names = ['NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT', 'CPUS_PER_TASK']
    for value in ('1; touch x; $(touch x)', '*'):
        env = dict.fromkeys(names, value)
        words = called(script, *['x'] * len(CALLS[script]), **env)
        # Whole words, as options of torchrun or srun.
        found = [word.partition('=')[2] for word in words if value in word]
        assert found == [value] * (1 if 'slurm' in script else 4)


@every_script
def test_options_come_from_the_environment(called, script):
    env = dict(NNODES=2, NODE_RANK=1, MASTER_ADDR='10.0.0.7', PORT=12345)
    expected = ['nnodes=2', 'node_rank=1', 'master_addr=10.0.0.7']
    expected += ['master_port=12345', 'nproc_per_node=2']
    if 'slurm' in script:
        env = dict(GPUS=8, GPUS_PER_NODE=4, SRUN_ARGS='--time=10 --mem=4G')
        expected = ['ntasks=8', 'gres=gpu:4', 'time=10', 'mem=4G']
    words = called(script, *CALLS[script], **env)
    assert {f'--{option}' for option in expected} <= set(words)


def test_the_port_of_torch_is_used_without_another(called):
    # The first machine would check the port, which other tests use.
    words = called('dist_test.sh', 'x', 'x', 2, NODE_RANK=1, PORT='')
    assert {'--master_port=29500', '--node_rank=1'} <= set(words)


def test_slurm_without_gpus_asks_for_none(called):
    words = called('slurm_train.sh', 'cpu', 'job', 'x', GPUS_PER_NODE=0)
    assert not any(word.startswith('--gres') for word in words)


@every_script
def test_missing_arguments_show_the_usage(script):
    done = run_process(TOOLS / script)
    assert done.returncode != 0
    assert f'usage: {script}' in done.stdout


@pytest.mark.parametrize('script', ['slurm_train.sh', 'slurm_test.sh'])
def test_options_of_srun_are_words_and_nothing_else(called, script):
    words = called(
        script,
        *['x'] * len(CALLS[script]),
        SRUN_ARGS='--time=10  --x=*\n--y=$(touch x) ; touch x',
    )
    start = words.index('--time=10')
    assert words[start : start + 6] == [
        '--time=10',
        '--x=*',
        '--y=$(touch',
        'x)',
        ';',
        'touch',
    ]


@every_script
def test_a_clone_may_lie_anywhere_and_cdpath_does_not_matter(
    called, script, tmp_path
):
    clone = tmp_path / 'a b; touch x' / "$(touch x) it's *"
    decoy = tmp_path / 'decoy'
    for folder in (clone, decoy):
        (folder / 'tools').mkdir(parents=True)
    for source in TOOLS.glob('*.sh'):
        shutil.copy(source, clone / 'tools')
    # A relative path of the script, where CDPATH has a folder of this name.
    words = called(
        Path('tools', script),
        *['x'] * len(CALLS[script]),
        cwd=clone,
        CDPATH=decoy,
    )
    tool = 'train.py' if 'train' in script else 'test.py'
    assert str(clone / 'tools' / tool) in words
    assert not (clone / 'x').exists()


def test_a_real_training_in_a_nasty_folder(tmp_path):
    """Config, clone-relative base, work directory: all with a shell in it."""
    config = tmp_path / 'my configs $(touch y)' / 'a b; touch x.py'
    config.parent.mkdir()
    config.write_text(f'_base_ = {str(CLASSMIX)!r}\n')
    here = tmp_path / 'here'
    here.mkdir()
    done = run_process(
        'bash',
        TOOLS / 'dist_train.sh',
        config,
        1,
        '--work-dir',
        'a b; touch x `touch z` *',
        '--cfg-options',
        'train_cfg.max_iters=2',
        'experiment_name=$(touch w)',
        cwd=here,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    (work_dir,) = here.iterdir()
    assert work_dir.name == 'a b; touch x `touch z` *'
    assert (work_dir / 'iter_2.pth').is_file()
    assert (work_dir / 'a b; touch x.py').is_file()
    assert {p.name for p in tmp_path.iterdir()} == {config.parent.name, 'here'}


def test_commands_that_are_printed_can_be_pasted(tmp_path, monkeypatch, capfd):
    """The quickstart shows the commands that it runs."""
    monkeypatch.syspath_prepend(TOOLS)
    quickstart = importlib.import_module('quickstart')
    out = tmp_path / 'a b; touch x'
    words = [sys.executable, '-c', 'pass', str(out)]
    quickstart.Training('x', words, out).process.wait()
    output = capfd.readouterr().out
    line = re.search('^x: OMP_NUM_THREADS=1 (.*)', output, re.MULTILINE)
    assert shlex.split(line[1])[1:] == ['-c', 'pass', str(out)]


@pytest.mark.parametrize(
    'text', ["__import__('os').mkdir('x')", '[__import__("os").mkdir("x")]']
)
def test_values_of_cfg_options_are_not_evaluated(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    args = parser.parse_args(['--cfg-options', f'a={text}'])
    assert '__import__' in str(args.cfg_options['a'])
    assert not any(tmp_path.iterdir())
