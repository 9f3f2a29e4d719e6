"""Two hosts: network namespaces, joined by a cable that can be pulled."""

import shlex
import subprocess
import time
from contextlib import AbstractContextManager

from drill.disk import start_holder
from drill.faults import wait_for_moment
from drill.processes import ROOT, TrialError
from drill.runs import PATIENCE, Run
from drill.trial import Outcome, Trial, compare, finish

DEVICE = 'drill0'
ADDRESSES = ('10.86.0.1', '10.86.0.2')
# Seconds that a process waits for another one.
TIMEOUT = 20
# And those that it takes to say so and to end.
GRACE = 30


class TwoHosts(AbstractContextManager):
    """Two network namespaces with a veth pair between them.

    They have no names, unlike those of ``ip netns``, so that nothing is left
    behind however the drill ends.

    Raises:
        OSError: If they cannot be made; it takes root and iproute2.
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
    """Run a command.

    Raises:
        OSError: If it fails.
    """
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
