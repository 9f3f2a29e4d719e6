"""Real processes of a run: one is killed, or trains something else."""

import os
import signal
import subprocess
import time

import pytest
from support import CLASSMIX, ROOT, environment
from tool_process import ToolProcess
from torch.distributed.elastic.utils.distributed import get_free_port

HALF = (
    'train_dataloader.batch_size=2',
    'train_dataloader.sampler.batch_size=2',
)
ENDLESS = ('train_cfg.max_iters=100000', 'default_hooks.checkpoint.interval=2')


class Run:
    """Processes with their output in files, all of them killed at the end."""

    def __init__(self, folder):
        self.folder = folder
        self.port = get_free_port()
        self.started = []

    def dist_train(self, *options):
        """Start tools/dist_train.sh with two processes."""
        words = [
            ROOT / 'tools' / 'dist_train.sh',
            CLASSMIX,
            2,
            *self.arguments,
        ]
        with open(self.folder / 'all', 'w') as out:
            process = subprocess.Popen(
                [str(word) for word in (*words, *options)],
                cwd=self.folder,
                env=environment(PORT=self.port),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def rank(self, rank, *options):
        """Start tools/train.py as one of two, without any launcher."""
        logs = self.folder / f'rank{rank}'
        logs.mkdir()
        env = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=2)
        env.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=self.port)
        words = [CLASSMIX, '--launcher', 'pytorch', *self.arguments, *options]
        tool = ToolProcess(
            'train.py', *words, cwd=self.folder, logs=logs, env=env
        )
        self.started += tool.processes
        return tool

    @property
    def arguments(self):
        return ['--work-dir', self.folder / 'run', '--cfg-options', *HALF]

    def wait_for_checkpoint(self):
        deadline = time.monotonic() + 240
        while not (self.folder / 'run' / 'iter_2.pth').exists():
            assert time.monotonic() < deadline, 'nothing was trained'
            time.sleep(0.1)


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    for process in run.started:
        process.kill()


def test_the_other_process_of_a_killed_one_ends_with_an_error(run):
    victim, other = run.rank(0, *ENDLESS), run.rank(1, *ENDLESS)
    run.wait_for_checkpoint()
    victim.processes[0].kill()
    assert other.wait(60) == [1]
    last = other.output.strip().splitlines()[-1]
    for word in ('rank 1 of 2', 'another process ended', '--resume'):
        assert word in last


def workers(parent):
    """Processes that run tools/train.py below another."""
    done = subprocess.run(
        ['ps', '-o', 'pid=,args=', '--ppid', str(parent)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if 'train.py' in line]
    return [int(line.split()[0]) for line in lines]


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_dist_train_ends_when_a_worker_is_killed(run):
    script = run.dist_train(*ENDLESS)
    run.wait_for_checkpoint()
    deadline = time.monotonic() + 60
    # ps does not see every process in every snapshot.
    while len(pids := workers(script.pid)) < 2:
        assert script.poll() is None, run.output('all')
        assert time.monotonic() < deadline, 'the workers are not seen'
        time.sleep(0.1)
    os.kill(pids[1], signal.SIGKILL)
    assert script.wait(60) != 0
    assert not any(alive(pid) for pid in pids)


def test_another_config_stops_all_before_a_model_is_built(run):
    # The second comes later, and is waited for.
    processes = [run.rank(0)]
    time.sleep(2)
    processes.append(run.rank(1, 'optim_wrapper.optimizer.lr=0.5'))
    assert [process.wait() for process in processes] == [[1], [1]]
    key = 'optim_wrapper.optimizer.lr is 0.02 on rank 0 ('
    for process in processes:
        assert key in process.output
        assert '0.5 on rank 1 (' in process.output
        assert 'Hooks will be executed' not in process.output
