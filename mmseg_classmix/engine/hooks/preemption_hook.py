"""A training that is asked to stop saves itself first."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner

from mmseg_classmix.distributed.rank_flag import RankFlag
from mmseg_classmix.engine.loops.skipping_iterator import restart_workers
from mmseg_classmix.engine.optimizers.steps import accumulative_counts
from mmseg_classmix.engine.preemption import (
    EXIT_CODE,
    Preempted,
    catch_signals,
    caught_signal,
    is_obeying,
    protect_workers,
    release_workers,
    restore_signals,
)
from mmseg_classmix.engine.run_checkpoints import is_saved, save


@HOOKS.register_module()
class PreemptionHook(Hook):
    """Stop on SIGTERM or SIGUSR1: save a checkpoint, exit with code 75.

    The signal of any rank counts. All ranks stop after the same iteration:
    the current one, with several processes perhaps the next one, with
    gradient accumulation the one that ends it. A validation is broken off;
    the resumed run makes up for it. A signal before the first iteration is
    obeyed after it. Active in trainings by iteration, in a program that has
    called ``mmseg_classmix.engine.preemption.obey_signals``, as
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
        self._active = is_obeying() and by_iteration
        if self._active:
            catch_signals()

    def before_train(self, runner: Runner) -> None:
        """Prepare the agreement of the ranks, and the workers."""
        if not self._active:
            return
        loop = runner.train_loop
        self._flag = RankFlag(runner.cfg)
        protect_workers(loop.dataloader)
        restart_workers(loop)
        if runner.val_loop is not None:
            protect_workers(runner.val_loop.dataloader)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Stop after this iteration if a rank was asked to."""
        self._check(runner, runner.iter + 1)

    def before_val_epoch(self, runner: Runner) -> None:
        """Stop before a validation, and see how long all ranks have one."""
        self._check(runner, runner.iter)
        if self._flag is not None:
            loader = runner.val_loop.dataloader
            self._common = self._flag.least(len(loader))

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: list | None = None,
    ) -> None:
        """Stop in the middle of a validation."""
        if self._flag is not None and batch_idx < self._common:
            self._check(runner, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """End the agreement: it is too late to stop."""
        if self._flag is not None:
            self._flag.wait()
            self._flag = None
            restore_signals()

    def _check(self, runner: Runner, done: int) -> None:
        if self._flag is None:
            return
        # Both sides are evaluated: every rank takes part every time.
        self._stop = self._flag.seen(bool(caught_signal())) or self._stop
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
            f'Stopped by {caught_signal() or "a signal to another process"} '
            f'after iteration {done}, which is saved in {runner.work_dir}. '
            f'Exit code {EXIT_CODE}: run the same command with --resume'
        )
        runner.call_hook('after_run')
        raise Preempted(EXIT_CODE)
