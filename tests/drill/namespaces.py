"""Faults that need a namespace of Linux: a full disk, a lost host."""

import os
import re
import shlex
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path

from drill.faults import LIMIT, wait_for_moment
from drill.runs import (
    MAX_ITERS,
    PATIENCE,
    ROOT,
    OneProcess,
    Run,
    TrialError,
    wait_until,
)
from drill.trial import Outcome, Trial, compare, finish, whole_checkpoints

# Three checkpoints of 12 MB, two best ones of 6 MB, logs.
MEGABYTES = 64
MOUNT = 'mount -t tmpfs -o "size=$2" tmpfs "$1" && echo ready && exec cat'
DEVICE = 'drill0'
ADDRESSES = ('10.86.0.1', '10.86.0.2')
# Seconds that a process waits for another one.
TIMEOUT = 20
# And those that it takes to say so and to end.
GRACE = 30


class SmallDisk(AbstractContextManager):
    """A tmpfs in a mount namespace, which ends with the drill."""

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
    """Start a process that keeps a namespace as long as its input is open."""
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


class TwoHosts(AbstractContextManager):
    """Two network namespaces with a veth pair between them.

    They have no names, unlike those of ``ip netns``, so that nothing is left
    behind however the drill ends.
    """

    def __init__(self) -> None:
        self.holders: list[subprocess.Popen[str]] = []
        try:
            for _ in ADDRESSES:
                script = ['sh', '-c', 'echo ready && exec cat']
                holder = start_holder(['unshare', '--net'], script)
                self.holders.append(holder)
            first, second = (holder.pid for holder in self.holders)
            call(
                f'ip link add {DEVICE} netns {first} type veth '
                f'peer name {DEVICE} netns {second}'
            )
            for host, address in enumerate(ADDRESSES):
                self.on(host, f'ip addr add {address}/24 dev {DEVICE}')
                self.on(host, 'ip link set lo up')
                self.on(host, f'ip link set {DEVICE} up')
        except OSError:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the namespaces go."""
        for holder in self.holders:
            holder.communicate()

    def prefix(self, host: int) -> list[str]:
        """Command that starts another command on a host."""
        return ['nsenter', f'--net=/proc/{self.holders[host].pid}/ns/net']

    def on(self, host: int, command: str) -> None:
        """Run a command on a host."""
        call(f'{shlex.join(self.prefix(host))} {command}')

    def pull(self, host: int) -> None:
        """Pull the cable of a host."""
        self.on(host, f'ip link set {DEVICE} down')

    def plug(self, host: int) -> None:
        """Put it back."""
        self.on(host, f'ip link set {DEVICE} up')


def call(command: str) -> None:
    """Run a command."""
    done = subprocess.run(shlex.split(command), capture_output=True, text=True)
    if done.returncode:
        raise OSError(f'{command}: {done.stderr.strip()}')


def why_no_hosts() -> str | None:
    """Say why this machine cannot make two hosts; None if it can."""
    try:
        with TwoHosts():
            return None
    except OSError as error:
        return str(error)


class RunOnTwoHosts(Run):
    """A run of tools/dist_train.sh on two hosts, one process each."""

    processes = 2
    hosts: TwoHosts

    def launch(self, arguments: list[str]) -> None:
        """Start tools/dist_train.sh on both."""
        script = str(ROOT / 'tools' / 'dist_train.sh')
        for host in range(len(ADDRESSES)):
            self.group.start(
                [
                    *self.hosts.prefix(host),
                    script,
                    str(self.config),
                    '1',
                    *arguments,
                ],
                NNODES=len(ADDRESSES),
                NODE_RANK=host,
                MASTER_ADDR=ADDRESSES[0],
                PORT=29500,
                GLOO_SOCKET_IFNAME=DEVICE,
            )


def lost_host(trial: Trial) -> Outcome:
    """Pull the cable between two hosts, in turn for a while and for good."""
    option = f'env_cfg.dist_cfg.timeout={TIMEOUT}'
    run = trial.run(RunOnTwoHosts, options=(option,))
    with TwoHosts() as run.hosts:
        run.start()
        wait_for_moment(trial, run, first=1)
        host = trial.rng.randrange(2)
        run.hosts.pull(host)
        if trial.index % 2 == 0:
            seconds = trial.rng.uniform(1, TIMEOUT / 4)
            time.sleep(seconds)
            run.hosts.plug(host)
            what = f'host {host} lost for {seconds:.0f} s'
            codes = run.group.wait(PATIENCE)
        else:
            started = time.monotonic()
            codes = run.group.wait(TIMEOUT + GRACE)
            seconds = time.monotonic() - started
            what = f'host {host} lost, both over in {seconds:.0f} s'
            run.hosts.plug(host)
            if not all(codes):
                raise TrialError(f'{what}: exit codes {codes}')
        if any(codes) and not all(codes):
            raise TrialError(f'{what}: exit codes {codes}: {run.tail()}')
        if any(codes):
            return finish(trial, run, f'{what}, stopped')
        return compare(trial, run, f'{what}, went on', 0)
