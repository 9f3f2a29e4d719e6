"""A disk that is full: a small tmpfs that only the trial sees."""

import os
import re
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from drill.faults import LIMIT
from drill.processes import TrialError, wait_until
from drill.runs import MAX_ITERS, PATIENCE, OneProcess
from drill.trial import Outcome, Trial, finish, whole_checkpoints

# Three checkpoints of 12 MB, two best ones of 6 MB, logs.
MEGABYTES = 64
MOUNT = 'mount -t tmpfs -o "size=$2" tmpfs "$1" && echo ready && exec cat'


class SmallDisk(AbstractContextManager):
    """A tmpfs in a mount namespace, which ends with the drill.

    Args:
        folder: Where processes in the namespace find it.
        megabytes: Its size.

    Raises:
        OSError: If it cannot be made; it takes root.
    """

    def __init__(self, folder: Path, megabytes: int = MEGABYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.holder = start_holder(
            ['unshare', '--mount', '--propagation', 'private'],
            ['sh', '-c', MOUNT, 'sh', str(folder), f'{megabytes}m'],
        )
        pid = self.holder.pid
        self.prefix = ('nsenter', f'--mount=/proc/{pid}/ns/mnt', '--')
        # The same folder, seen from outside.
        self.files = Path(f'/proc/{pid}/root{folder}')

    def __exit__(self, *_: object) -> None:
        self.holder.communicate()

    def fill(self, rest: int) -> None:
        """Let a file grow that leaves a number of bytes."""
        stat = os.statvfs(self.files)
        size = stat.f_bavail * stat.f_frsize - rest
        if size > 0:
            with open(self.files / 'filler', 'ab') as file:
                os.posix_fallocate(file.fileno(), file.tell(), size)

    def free(self) -> None:
        """Delete that file."""
        (self.files / 'filler').unlink()


def start_holder(
    namespace: list[str], command: list[str]
) -> subprocess.Popen[str]:
    """Start a process that keeps a namespace as long as its input is open.

    Args:
        namespace: Command that makes the namespace.
        command: Prints a line when all is ready, then reads its input.

    Raises:
        OSError: If it does not print that line.
    """
    holder = subprocess.Popen(
        [*namespace, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if not holder.stdout.readline():
        _, error = holder.communicate()
        raise OSError(f'{" ".join(namespace)}: {error.strip()}')
    return holder


def why_no_disk() -> str | None:
    """Say why this machine cannot make a small disk; None if it can."""
    try:
        with SmallDisk(Path('/tmp'), 1):
            return None
    except OSError as error:
        return str(error)


def full_disk(trial: Trial) -> Outcome:
    """Fill the disk in the middle of training, and free it for the resume."""
    folder = trial.workspace.root / trial.name
    run = trial.run(OneProcess)
    with SmallDisk(folder / 'run') as disk:
        run.prefix, run.files = disk.prefix, disk.files
        run.start()
        step = trial.rng.randrange(1, MAX_ITERS - 5)
        run.wait_for_step(step)
        # From nothing, so that no log can be written, to most of what a
        # checkpoint takes.
        rest = trial.rng.choice((0, 100_000, trial.rng.randrange(11_000_000)))
        # The deletion of an old checkpoint must not make room for a new one.
        wait_until(
            lambda: disk.fill(rest) or run.ended(),
            PATIENCE,
            lambda: 'it goes on without a disk',
        )
        (code,) = run.group.wait(LIMIT)
        what = f'{rest / 1e6:.1f} MB left at iteration {step}'
        if code <= 0:
            raise TrialError(f'{what}: exit code {code}, not an error')
        if message := wrong_message(run, rest):
            raise TrialError(f'{what}: {message}: {run.tail()}')
        whole_checkpoints(run)
        disk.free()
        return finish(trial, run, f'{what}, stopped')


def wrong_message(run: OneProcess, rest: int) -> str | None:
    """Say what is missing in the error of a full disk; None if it is good."""
    lines = [line for line in run.output().splitlines() if 'Error: ' in line]
    error = lines[-1] if lines else ''
    if not re.search('no space left', error, re.IGNORECASE):
        return 'not the error of it'
    # With some space left it is a checkpoint that does not fit.
    if rest and not re.search(
        rf'{re.escape(str(run.work_dir))}/\S+\.pth', error
    ):
        return 'no path of a checkpoint'
    if rest and 'free' not in error:
        return 'not the free space'
    return None
