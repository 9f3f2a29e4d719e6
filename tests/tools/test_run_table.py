import hashlib
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
from run_logs import write_run, write_table_configs
from support import ROOT, call_tool, environment
from torch.distributed.elastic.utils.distributed import get_free_port

from mmseg_classmix.runs.run import read_run
from mmseg_classmix.runs.run_json import read_record

TOOL = ROOT / 'tools' / 'run_table.py'
# In place of Slurm: writes its arguments, one a line, a file a job.
SRUN = """#!/usr/bin/env bash
printf '%s\\n' "$@" > "$RECORD/$3"
"""
# In place of the Python of dist_train.sh: counts its calls and fails.
FAILS = '#!/usr/bin/env bash\necho started >> "$RECORD/calls"\nexit 3\n'
# Then waits for another one to start.
MEETS = """#!/usr/bin/env bash
echo started >> "$RECORD/calls"
for i in {1..200}; do
    (($(wc -l < "$RECORD/calls") < 2)) || exit 3
    sleep 0.1
done
exit 4
"""
# Trains until it is told to end, and says so.
WAITS = """#!/usr/bin/env bash
trap 'touch "$RECORD/ended_$$"; exit 75' TERM
touch "$RECORD/begun_$$"
for i in {1..600}; do sleep 0.1; done
"""
SOURCE = 'train_dataloader.dataset.datasets'


@pytest.fixture
def call(monkeypatch):
    """Run the tool in this process: what it says, its exit code."""

    def run(*arguments, **env):
        for name, value in env.items():
            monkeypatch.setenv(name, str(value))
        done = call_tool('run_table.py', *arguments)
        return done.stdout, done.returncode

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def configs(tmp_path):
    return write_table_configs(tmp_path / 'configs')


def put_in_path(tmp_path, name, text):
    """Environment in which a script stands in for a program."""
    program = tmp_path / 'bin' / name
    program.parent.mkdir()
    program.write_text(text)
    program.chmod(0o755)
    record = tmp_path / 'record'
    record.mkdir()
    path = f'{program.parent}:/usr/bin:/bin'
    return dict(PATH=path, RECORD=record, PORT=get_free_port())


def test_dry_run_prints_commands_and_warns(tmp_path, configs):
    # In a process of its own, for stdout has commands and nothing else.
    words = (
        'cityscapes',
        '--dry-run',
        '--only',
        'classmix/*_1-8',
        'supervised/*full',
        '--seeds',
        1,
        7,
        '--configs',
        configs,
        '--cfg-options',
        'model.name=a b',
    )
    done = subprocess.run(
        [sys.executable, TOOL, *map(str, words)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    first, second, *full = map(shlex.split, done.stdout.splitlines())
    config = configs / 'classmix' / 'cityscapes_1-8.py'
    lists = configs / 'splits' / 'tiny'
    assert first == [
        str(ROOT / 'tools' / 'dist_train.sh'),
        str(config),
        '2',
        '--work-dir',
        'work_dirs/cityscapes/classmix/cityscapes_1-8/seed_1',
        '--cfg-options',
        'randomness.seed=1',
        f'{SOURCE}.0.ann_file={lists}/1-8_1_labeled.txt',
        f'{SOURCE}.1.ann_file={lists}/1-8_1_unlabeled.txt',
        # 2 + 2 images on 2 GPUs; the tiny config has 2 + 2 a process.
        'train_dataloader.batch_size=2',
        'train_dataloader.sampler.batch_size=2',
        'model.name=a b',
    ]
    assert 'randomness.seed=7' in second
    assert len(full) == 2 and 'ann_file' not in str(full)
    for path in (
        lists / '1-8_7_labeled.txt',
        lists / '1-8_7_unlabeled.txt',
        configs / 'supervised' / 'cityscapes_full.py',
    ):
        assert f'missing: {path}\n' in done.stderr
    assert f'{lists}/1-8_1_' not in done.stderr
    assert not (tmp_path / 'work_dirs').exists()


def test_nothing_starts_when_a_file_is_missing(tmp_path, configs, call):
    env = put_in_path(tmp_path, 'python', FAILS)
    (configs / 'splits' / 'tiny' / '1-8_1_labeled.txt').unlink()
    arguments = ('--only', '*_1-8', '--seeds', 0, 1, '--configs', configs)
    said, code = call('cityscapes', *arguments, **env)
    assert '1-8_1_labeled.txt' in said
    assert code == 1 and 'error: nothing was started' in said
    assert not list((tmp_path / 'record').iterdir())


@pytest.mark.parametrize(('option', 'calls'), [([], 1), (['--keep-going'], 2)])
def test_failure_stops_or_not(tmp_path, configs, call, option, calls):
    env = put_in_path(tmp_path, 'python', FAILS)
    arguments = ('--only', '*_1-8', '--seeds', 0, '--configs', configs)
    arguments += ('--work-dir', tmp_path / 'out')
    said, code = call('cityscapes', *arguments, *option, **env)
    assert (tmp_path / 'record' / 'calls').read_text() == 'started\n' * calls
    assert code == 1 and f'error: {calls} of 2 failed' in said
    assert said.count('failed with exit code 3') == calls


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--jobs', 0], '--jobs 0 must be at least 1'),
        (['--jobs', 2, '--slurm', 'gpu'], '--slurm submits all runs at once'),
        (['--jobs', 2], 'is for one machine, and NNODES=3'),
    ],
)
def test_wrong_numbers_of_jobs_are_refused(call, options, message):
    said, code = call('cityscapes', *options, NNODES=3)
    assert code == 2 and message in said


def test_jobs_start_together_and_none_after_a_failure(tmp_path, configs, call):
    env = put_in_path(tmp_path, 'python', MEETS)
    arguments = ('--only', '*_1-8', '--seeds', 0, 1, '--configs', configs)
    out = tmp_path / 'out'
    said, _ = call(
        'cityscapes', *arguments, '--jobs', 2, '--work-dir', out, **env
    )
    # Of four runs; each of the two has seen the other.
    assert 'error: 2 of 4 failed' in said
    assert said.count('failed with exit code 3') == 2
    assert (tmp_path / 'record' / 'calls').read_text() == 'started\n' * 2


def test_runs_end_with_the_tool(tmp_path, configs):
    started = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        folder = tmp_path / number.name
        folder.mkdir()
        env = put_in_path(folder, 'python', WAITS)
        process = subprocess.Popen(
            [sys.executable, TOOL, 'cityscapes', '--only', '*_1-8']
            + ['--seeds', '0', '--jobs', '2', '--configs', configs]
            + ['--work-dir', folder / 'out'],
            env=environment(**env),
            stderr=subprocess.DEVNULL,
            # Jobs in the background of a shell ignore it, and so do theirs.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started[number] = process, env['RECORD']
    for number, (process, record) in started.items():
        deadline = time.monotonic() + 60
        while len(list(record.glob('begun_*'))) < 2:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        # To the tool alone, as a scheduler does.
        process.send_signal(number)
        assert process.wait(60) != 0
        assert len(list(record.glob('ended_*'))) == 2


def test_slurm_gets_every_run(tmp_path, configs, call):
    env = put_in_path(tmp_path, 'srun', SRUN)
    said, _ = call(
        'cityscapes',
        '--slurm',
        'gpu',
        '--only',
        '*_1-8',
        '--seeds',
        0,
        '--configs',
        configs,
        '--work-dir',
        tmp_path / 'out',
        **env,
    )
    names = sorted(path.name for path in (tmp_path / 'record').iterdir())
    assert names == [
        '--job-name=classmix_cityscapes_1-8_0',
        '--job-name=supervised_cityscapes_1-8_0',
    ]
    words = (tmp_path / 'record' / names[0]).read_text().splitlines()
    assert words[:2] == ['-p', 'gpu']
    assert {'--ntasks=2', '--gres=gpu:2'} <= set(words)
    at = words.index('--work-dir')
    folder = tmp_path / 'out' / 'cityscapes' / 'classmix' / 'cityscapes_1-8'
    assert words[at + 1] == str(folder / 'seed_0')
    # The recorder has not trained: its good exit code is not believed.
    assert said.count('no validation at the last iteration') == 2
    assert 'error: 2 of 2 failed' in said


def test_table_trains_once_and_every_tool_reads_it(tmp_path, configs, call):
    arguments = ('--only', '*_1-8', '--seeds', 1, '--gpus', 1, '--jobs', 2)
    folders = ('--configs', configs, '--work-dir', tmp_path / 'out')
    said, code = call('cityscapes', *arguments, *folders, **environment())
    assert code == 0, said
    ports = re.findall(r'^PORT=(\d+) .*train.log$', said, re.MULTILINE)
    assert len(set(ports)) == 2
    out = tmp_path / 'out' / 'cityscapes'
    base = read_run(out / 'supervised' / 'cityscapes_1-8' / 'seed_1')
    ours = read_run(out / 'classmix' / 'cityscapes_1-8' / 'seed_1')
    for run, images in ((base, (2, 0)), (ours, (2, 2))):
        assert run.finished
        assert run.config.endswith('/cityscapes_1-8')
        assert (run.fraction, run.seed, run.split) == ('1-8', 1, 1)
        assert run.images == images
        assert 'Iter(val)' in (run.work_dir / 'train.log').read_text()
    record = read_record(ours.work_dir)
    names = configs / 'splits' / 'tiny' / '1-8_1_labeled.txt'
    found = hashlib.sha256(names.read_bytes()).hexdigest()
    assert record['data'][0]['sha256'] == found
    assert 'randomness.seed=1' in record['starts'][0]['command']
    said, code = call('cityscapes', *arguments, *folders)
    assert code == 0 and said.count('finished: ') == 2
    assert len(list(base.work_dir.glob('2*'))) == 1
    text = call_tool('analysis_tools/summarize_runs.py', out).stdout
    row = next(s for s in text.splitlines() if 'semi-sup' in s)
    value = ours.score('student', 'mIoU')
    more = value - base.score('student', 'mIoU')
    assert f'{value:.2f}' in row and f'{more:+.2f}' in row
    text = call_tool('analysis_tools/compare_classes.py', out).stdout
    (row,) = (s for s in text.splitlines() if s.startswith('| ground'))
    ground = ours.scores_of_classes('student', 'IoU')['ground']
    assert f'{ground:.2f}' in row
    curves = tmp_path / 'curves.png'
    call_tool('analysis_tools/plot_run.py', out, '--out', curves)
    assert curves.is_file()


def test_begun_run_is_resumed_on_demand_only(tmp_path, configs, call):
    out = tmp_path / 'out'
    work_dir = out / 'cityscapes' / 'supervised' / 'cityscapes_1-8' / 'seed_0'
    write_run(work_dir, 'cityscapes_1-8', {2: 10})
    arguments = (
        '--dry-run',
        '--only',
        'supervised/*_1-8',
        '--seeds',
        0,
        '--configs',
        configs,
        '--work-dir',
        out,
    )
    said, _ = call('cityscapes', *arguments)
    assert 'dist_train.sh' not in said
    assert f'begun, --resume goes on with it: {work_dir}' in said
    said, _ = call('cityscapes', *arguments, '--resume')
    assert f'--work-dir {work_dir} --resume --cfg-options' in said


def test_unknown_tables_are_named(call):
    said, code = call('table_4')
    assert code == 2
    assert "'table_4'" in said and 'ablations' in said
