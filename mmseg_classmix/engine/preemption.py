"""Signals that ask a training to stop and to be resumed later."""

import atexit
import ctypes
import mmap
import os
import signal
import sys
import time
from functools import partial
from types import FrameType
from typing import Any, ClassVar

from torch.utils.data import DataLoader

#: EX_TEMPFAIL of sysexits.h: nothing is wrong, run the same command again.
EXIT_CODE = 75
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
PR_SET_PDEATHSIG = 1


class Preempted(SystemExit):
    """A training has been saved and wants to be resumed."""


class _State:
    """What the handler knows; the first byte is shared with the workers."""

    process: int | None = None
    name = ''
    over = False
    earlier: ClassVar[dict] = {}
    shared = mmap.mmap(-1, 1)


def obey_signals() -> None:
    """Let PreemptionHook stop the trainings of this program on signals.

    Until it starts to, and after the last iteration, the handlers stay those
    of the program.
    """
    _State.process = os.getpid()
    # Before multiprocessing's own: it waits for workers that it terminates.
    atexit.register(release_workers)


def catch_signals() -> None:
    """Take note of SIGTERM and SIGUSR1 from now on, instead of dying."""
    _State.over = False
    for number in SIGNALS:
        _State.earlier[number] = signal.signal(number, _handle)


def restore_signals() -> None:
    """Undo :func:`catch_signals`."""
    for number, handler in _State.earlier.items():
        signal.signal(number, handler)
    _State.earlier = {}


def stop_with_parent() -> None:
    """Get SIGTERM when the launcher of this process is killed (Linux).

    Its workers would go on, and a resumed run would write beside them.
    """
    if sys.platform != 'linux':
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have died before.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def is_obeying() -> bool:
    """Say whether :func:`obey_signals` has been called in this process."""
    return _State.process == os.getpid()


def caught_signal() -> str:
    """Get the name of the first signal that was caught, or ''."""
    return _State.name


def protect_workers(loader: DataLoader) -> None:
    """Keep the workers of a loader alive when the whole job gets a signal.

    Slurm, systemd and torchrun may signal every process. A worker that ends
    would raise an error in the training, in the middle of an iteration.

    Args:
        loader: Loader whose workers are not started yet.
    """
    if loader.num_workers:
        start = partial(_start_worker, loader.worker_init_fn)
        loader.worker_init_fn = start


def release_workers() -> None:
    """Let SIGTERM end the workers again, whatever comes after it."""
    # The kernel sends it once more for every thread of a dead launcher.
    _State.over = True
    _State.shared[0] = 0


def _handle(number: int, frame: FrameType | None) -> None:
    if _State.process == os.getpid():
        _State.shared[0] = not _State.over
        _State.name = _State.name or signal.Signals(number).name
    elif number == signal.SIGTERM:
        _end_worker()


def _end_worker() -> None:
    # If all processes were meant, the training knows it in a moment.
    for _ in range(10):
        if _State.shared[0]:
            return
        time.sleep(0.1)
    os._exit(0)


def _start_worker(start: Any, worker_id: int) -> None:
    # torch has just given its workers a handler of its own, which ends them.
    signal.signal(signal.SIGTERM, _handle)
    if start is not None:
        start(worker_id)
