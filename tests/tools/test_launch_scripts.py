"""The shell scripts pass on what they are given, word by word."""

import pytest
from support import CLASSMIX, ROOT, run_process

# In place of Slurm, or of Python: writes its arguments, one a line.
RECORDER = '#!/usr/bin/env bash\nprintf "%s\\n" "$@" > "$RECORD"\n'
HOSTILE = 'a b; touch hacked'


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Run a script of tools/ with a recorder and return what it called."""
    for name in ('srun', 'python'):
        path = tmp_path / 'bin' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(RECORDER)
        path.chmod(0o755)

    def call(script, *arguments, **env):
        out = tmp_path / 'arguments'
        path = f'{tmp_path / "bin"}:/usr/bin:/bin'
        done = run_process(
            ROOT / 'tools' / script,
            *arguments,
            cwd=tmp_path,
            PATH=path,
            RECORD=out,
            **env,
        )
        assert not (tmp_path / 'hacked').exists()
        return done, out.read_text().splitlines() if out.exists() else []

    return call


def test_dist_train_reads_the_nodes_from_the_environment(record):
    done, words = record(
        'dist_train.sh',
        CLASSMIX,
        4,
        '--work-dir',
        HOSTILE,
        NNODES=2,
        NODE_RANK=1,
        MASTER_ADDR='10.0.0.7',
        PORT=12345,
    )
    assert done.returncode == 0, done.stdout
    assert {
        '--nnodes=2',
        '--node_rank=1',
        '--master_addr=10.0.0.7',
        '--master_port=12345',
        '--nproc_per_node=4',
    } <= set(words)
    tail = ['--launcher', 'pytorch', '--work-dir', HOSTILE]
    assert words[-5:] == [str(CLASSMIX), *tail]


def test_dist_test_passes_the_checkpoint(record):
    # The first machine would check the port, which other tests use.
    done, words = record(
        'dist_test.sh', CLASSMIX, 'x.pth', 2, '--tta', NODE_RANK=1, PORT=''
    )
    assert done.returncode == 0, done.stdout
    assert words[-5:] == [
        str(CLASSMIX),
        'x.pth',
        '--launcher',
        'pytorch',
        '--tta',
    ]
    assert {'--master_port=29500', '--node_rank=1'} <= set(words)


@pytest.mark.parametrize(
    ('script', 'checkpoint'),
    [('slurm_train.sh', []), ('slurm_test.sh', ['x.pth'])],
)
def test_slurm_scripts_start_srun(record, script, checkpoint):
    done, words = record(
        script,
        'gpu',
        'my job',
        CLASSMIX,
        *checkpoint,
        '--work-dir',
        HOSTILE,
        GPUS=8,
        GPUS_PER_NODE=4,
        SRUN_ARGS='--time=10 --mem=4G',
    )
    assert done.returncode == 0, done.stdout
    assert words[:2] == ['-p', 'gpu']
    assert {
        '--job-name=my job',
        '--ntasks=8',
        '--gres=gpu:4',
        '--time=10',
        '--mem=4G',
    } <= set(words)
    tail = ['--launcher', 'slurm', '--work-dir', HOSTILE]
    assert words[-len(checkpoint) - 5 :] == [
        str(CLASSMIX),
        *checkpoint,
        *tail,
    ]


def test_slurm_without_gpus_asks_for_none(record):
    _, words = record(
        'slurm_train.sh', 'cpu', 'job', CLASSMIX, GPUS_PER_NODE=0
    )
    assert not any(word.startswith('--gres') for word in words)


@pytest.mark.parametrize(
    'script',
    ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh'],
)
def test_missing_arguments_show_the_usage(record, script):
    done, words = record(script)
    assert done.returncode != 0 and not words
    assert f'usage: {script}' in done.stdout
