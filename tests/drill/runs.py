"""Runs of tools/train.py and tools/dist_train.sh, watched from outside."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from torch.distributed.elastic.utils.distributed import get_free_port

ROOT = Path(__file__).resolve().parents[2]
MARK = 'FAULT_DRILL_MARK'
MAX_ITERS, INTERVAL = 20, 4
# Of a start or a step on a busy machine; what is slower hangs.
PATIENCE = 240
FINAL = f'iter_{MAX_ITERS}.pth'


class TrialError(Exception):
    """What a trial found wrong."""


class Group:
    """All processes of one run, the orphans too.

    torchrun starts its workers in sessions of their own, so that no process
    group holds them together: a variable in their environment does.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self.mark = uuid.uuid4().hex
        self.started: list[subprocess.Popen] = []

    def start(self, command: list[str], **env: object) -> subprocess.Popen:
        """Start a command of this Python, this package and one thread."""
        bin_dir = Path(sys.executable).parent
        # Laying a config out takes most of the time of a small save.
        paths = [str(ROOT / 'tests' / 'quick'), str(ROOT)]
        paths.append(os.environ.get('PYTHONPATH', ''))
        environment = {
            **os.environ,
            'PATH': f'{bin_dir}:{os.environ["PATH"]}',
            'PYTHONPATH': os.pathsep.join(filter(None, paths)),
            'OMP_NUM_THREADS': '1',
            MARK: self.mark,
            **{key: str(value) for key, value in env.items()},
        }
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, 'ab') as file:
            file.write(f'$ {" ".join(command)}\n'.encode())
            file.flush()
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def alive(self) -> dict[int, dict[str, str]]:
        """Environment of every process that still runs, by its id."""
        found = {}
        for path in Path('/proc').glob('[0-9]*/environ'):
            try:
                # A zombie has an empty environment: it has ended.
                words = path.read_bytes().decode('utf-8', 'replace')
            except OSError:
                continue
            if f'{MARK}={self.mark}' in words:
                pairs = (
                    w.split('=', 1) for w in words.split('\0') if '=' in w
                )
                found[int(path.parts[2])] = dict(pairs)
        return found

    def wait(self, seconds: float) -> list[int]:
        """Wait until the last process has ended."""
        wait_until(
            lambda: self._ended() and not self.alive(),
            seconds,
            lambda: f'processes {sorted(self.alive())} still run',
            pause=0.1,
        )
        return [process.returncode for process in self.started]

    def _ended(self) -> bool:
        return all([p.poll() is not None for p in self.started])

    def kill(self) -> None:
        """End what still runs, by kill -9."""
        while alive := self.alive():
            for pid in alive:
                send(pid, signal.SIGKILL)
            time.sleep(0.05)
        for process in self.started:
            process.wait()


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait_until(
    condition: Callable[[], bool],
    seconds: float,
    otherwise: Callable[[], str],
    pause: float = 0.02,
) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TrialError(f'{otherwise()} after {seconds:.0f} s')
        time.sleep(pause)


class Run(ABC):
    """A training in a folder of its own, started once or several times."""

    processes = 1

    def __init__(
        self,
        folder: Path,
        config: Path,
        options: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.folder, self.config = folder, config
        self.options, self.prefix = options, prefix
        # As the training names it, and as the drill reads it.
        self.work_dir = self.files = folder / 'run'
        self.group = Group(folder / 'start-0.log')
        self.starts = 0

    def clear(self) -> None:
        """Remove what an earlier drill has left."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, resume: bool = False) -> None:
        """Start the training; ``group`` are its processes."""
        self.starts += 1
        self.group = Group(self.folder / f'start-{self.starts}.log')
        arguments = ['--work-dir', str(self.work_dir)]
        arguments += ['--resume'] * resume
        options = [*self.batch_options(), *self.options]
        if options:
            arguments += ['--cfg-options', *options]
        self.launch(arguments)

    def batch_options(self) -> list[str]:
        """Options that leave the global batch as it is."""
        batch = 4 // self.processes
        key = 'train_dataloader'
        return [
            f'{key}.batch_size={batch}',
            f'{key}.sampler.batch_size={batch}',
        ]

    @abstractmethod
    def launch(self, arguments: list[str]) -> None:
        """Start the command or, on several hosts, the commands."""

    def curves(self) -> dict[str, list[dict]]:
        """Logged lines of every start, by the name of its folder."""
        curves = {}
        for path in sorted(self.files.glob('*/vis_data/scalars.json')):
            # What follows the last line end is half written.
            lines = path.read_text().split('\n')[:-1]
            curves[path.parts[-3]] = [json.loads(line) for line in lines]
        return curves

    def step(self) -> int:
        """Last iteration that any start has logged; 0 before the first."""
        lines = [line for curve in self.curves().values() for line in curve]
        return max((line['step'] for line in lines), default=0)

    def wait_for_step(self, step: int) -> None:
        """Wait until an iteration is logged."""
        wait_until(
            lambda: self.step() >= step or self.ended(),
            PATIENCE,
            lambda: f'no iteration {step}',
        )
        if self.step() < step:
            raise TrialError(f'ended before iteration {step}: {self.tail()}')

    def ended(self) -> bool:
        """Whether a command that was started has ended."""
        return any(p.poll() is not None for p in self.group.started)

    def main(self) -> subprocess.Popen:
        """Return the first process of the last start."""
        return self.group.started[0]

    def end_well(self) -> None:
        """Wait for the end of training."""
        codes = self.group.wait(PATIENCE)
        if any(codes):
            raise TrialError(f'exit codes {codes}: {self.tail()}')
        if not (self.files / FINAL).is_file():
            raise TrialError(f'exit code 0, but no {FINAL}')

    def checkpoints(self) -> list[Path]:
        """Files that are named like checkpoints of iterations, in order."""
        return sorted(self.files.glob('iter_*.pth'), key=number)

    def output(self) -> str:
        """What the last start has printed."""
        return self.group.log.read_text(errors='replace')

    def tail(self) -> str:
        """Return the last error of the last start, or its last line."""
        lines = [line for line in self.output().splitlines() if line.strip()]
        errors = [line for line in lines if re.match(r'[\w.]*Error\b', line)]
        return (errors or lines or ['no output'])[-1][:200]


class OneProcess(Run):
    """A run of tools/train.py."""

    def launch(self, arguments: list[str]) -> None:
        """Start tools/train.py."""
        script = ROOT / 'tools' / 'train.py'
        command = [
            *self.prefix,
            sys.executable,
            str(script),
            str(self.config),
            *arguments,
        ]
        self.group.start(command)


class TwoProcesses(Run):
    """A run of tools/dist_train.sh with two processes."""

    processes = 2

    def launch(self, arguments: list[str]) -> None:
        """Start tools/dist_train.sh."""
        script = ROOT / 'tools' / 'dist_train.sh'
        command = [
            *self.prefix,
            str(script),
            str(self.config),
            '2',
            *arguments,
        ]
        self.group.start(command, PORT=get_free_port())

    def workers(self) -> dict[int, int]:
        """Ids of the training processes, by rank."""
        alive = self.group.alive()
        return {
            int(env['RANK']): pid
            for pid, env in alive.items()
            # Loader workers have the environment of their parents.
            if 'RANK' in env and 'RANK' not in alive.get(parent(pid), {})
        }


def parent(pid: int) -> int:
    """Id of the parent of a process; 0 if it has ended."""
    try:
        text = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return 0
    # The name before the last parenthesis may hold anything.
    return int(text.rpartition(')')[2].split()[1])


def number(path: Path) -> int:
    """Iteration in the name of a checkpoint."""
    return int(path.stem.rpartition('_')[2])
