"""A training that a signal asks to stop saves itself first."""

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

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from mmseg_classmix.distributed.agreement import RankFlag
from mmseg_classmix.engine.hooks.safe_checkpoint_hook import is_saved, save
from mmseg_classmix.engine.optimizers import accumulative_counts
from mmseg_classmix.engine.skipping_iterator import restart_workers

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


def ignore_signals() -> None:
    """Undo :func:`obey_signals`, for later trainings of this process."""
    _restore_signals()
    release_workers()
    _State.process, _State.name = None, ''


def _restore_signals() -> None:
    """Put back the handlers that PreemptionHook has replaced."""
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
        # A worker: if all were meant, the training knows it in a moment.
        for _ in range(10):
            if _State.shared[0]:
                return
            time.sleep(0.1)
        os._exit(0)


def _protect_workers(loader: DataLoader) -> None:
    """Keep the workers of a loader alive when the whole job gets a signal.

    Slurm, systemd and torchrun may signal every process. A worker that ends
    would raise an error in the training, in the middle of an iteration.
    """
    if loader.num_workers:
        start = partial(_start_worker, loader.worker_init_fn)
        loader.worker_init_fn = start


def _start_worker(start: Any, worker_id: int) -> None:
    # torch has just given its workers a handler of its own, which ends them.
    signal.signal(signal.SIGTERM, _handle)
    if start is not None:
        start(worker_id)


@HOOKS.register_module()
class PreemptionHook(Hook):
    """Stop on SIGTERM or SIGUSR1: save a checkpoint, exit with code 75.

    The signal of any rank counts. All ranks stop after the same iteration:
    the current one, with several processes perhaps the next one, with
    gradient accumulation the one that ends it. A validation is broken off;
    the resumed run makes up for it. A signal before the first iteration is
    obeyed after it. Active in trainings by iteration, in a program that has
    called ``mmseg_classmix.engine.hooks.preemption_hook.obey_signals``, as
    tools/train.py does.

    Raises:
        Preempted: A ``SystemExit`` with code 75, when the checkpoint is
            written.
    """

    # After CheckpointHook, which may have saved this iteration.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._active = False
        self._flag = None
        self._stop = False

    def before_run(self, runner: Runner) -> None:
        """Take note of signals from now on."""
        # Only a training has built its loop.
        by_iteration = isinstance(runner._train_loop, IterBasedTrainLoop)
        self._active = by_iteration and _State.process == os.getpid()
        if self._active:
            _State.over = False
            for number in SIGNALS:
                _State.earlier[number] = signal.signal(number, _handle)

    def before_train(self, runner: Runner) -> None:
        """Prepare the agreement of the ranks, and the workers."""
        if not self._active:
            return
        loop = runner.train_loop
        self._flag = RankFlag(runner.cfg)
        _protect_workers(loop.dataloader)
        restart_workers(loop)
        if runner.val_loop is not None:
            _protect_workers(runner.val_loop.dataloader)

    def after_train_iter(self, runner: Runner, *_, **__) -> None:
        """Stop after this iteration if a rank was asked to."""
        self._check(runner, runner.iter + 1)

    def before_val_epoch(self, runner: Runner) -> None:
        """Stop before a validation, and see how long all ranks have one."""
        self._check(runner, runner.iter)
        if self._flag is not None:
            loader = runner.val_loop.dataloader
            self._common = self._flag.least(len(loader))

    def after_val_iter(self, runner: Runner, batch_idx: int, **_) -> None:
        """Stop in the middle of a validation."""
        if self._flag is not None and batch_idx < self._common:
            self._check(runner, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """End the agreement: it is too late to stop."""
        if self._flag is not None:
            self._flag.wait()
            self._flag = None
            _restore_signals()

    def _check(self, runner: Runner, done: int) -> None:
        if self._flag is None:
            return
        # Both sides are evaluated: every rank takes part every time.
        self._stop = self._flag.seen(bool(_State.name)) or self._stop
        last = done == runner.max_iters
        if self._stop and (last or done % accumulative_counts(runner) == 0):
            self._leave(runner, done)

    def _leave(self, runner: Runner, done: int) -> None:
        if not is_saved(runner, done):
            save(runner, done)
        # A launcher would end this job with the first process that leaves.
        self._flag.wait()
        self._flag.least(0)
        release_workers()
        runner.logger.warning(
            f'Stopped by {_State.name or "a signal to another process"} '
            f'after iteration {done}, which is saved in {runner.work_dir}. '
            f'Exit code {EXIT_CODE}: run the same command with --resume'
        )
        runner.call_hook('after_run')
        raise Preempted(EXIT_CODE)
