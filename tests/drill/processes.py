"""Processes that are found again whatever becomes of their parents."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MARK = 'FAULT_DRILL_MARK'


class TrialError(Exception):
    """What a trial found wrong."""


class Group:
    """All processes of one run, the orphans too.

    torchrun starts its workers in sessions of their own, so that no process
    group holds them together: a variable in their environment does.

    Args:
        log: File of all output.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self.mark = uuid.uuid4().hex
        self.started: list[subprocess.Popen] = []

    def start(self, command: list[str], **env: object) -> subprocess.Popen:
        """Start a command of this Python, this package and one thread."""
        bin_dir = Path(sys.executable).parent
        paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
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
        """Wait until the last process has ended.

        Returns:
            Exit codes of the started commands.

        Raises:
            TrialError: If one still runs after the time.
        """
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
    """Wait for a condition.

    Raises:
        TrialError: If it does not hold in time; ``otherwise`` says what then.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TrialError(f'{otherwise()} after {seconds:.0f} s')
        time.sleep(pause)
