"""Faults of one host: kills, kills during saves, preemption."""

import signal
import time
from pathlib import Path

from drill.runs import (
    MAX_ITERS,
    PATIENCE,
    OneProcess,
    Run,
    TrialError,
    TwoProcesses,
    send,
    wait_until,
)
from drill.trial import Outcome, Trial, finish, whole_checkpoints

# Seconds after which everything has to have ended.
LIMIT = 60
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


def kill(trial: Trial) -> Outcome:
    """Kill -9 at any moment, in turn with 0 and with 2 loader workers."""
    workers = 2 * (trial.index % 2)
    run = trial.run(OneProcess, options=loader_options(workers))
    run.start()
    wait_for_moment(trial, run)
    strike(run)
    return finish(trial, run, f'{workers} workers, killed')


def kill_save(trial: Trial) -> Outcome:
    """Kill -9 while a checkpoint is written, or just after its renaming."""
    size = max(
        path.stat().st_size
        for path in trial.workspace.reference(1).checkpoints()
    )
    run = trial.run(OneProcess)
    run.start()
    run.wait_for_step(trial.rng.randrange(1, MAX_ITERS - 5))
    # Mostly in the middle; 2 is never reached: it has been renamed by then.
    share = trial.rng.choice((0, *[trial.rng.random()] * 4, 1, 2))
    path = wait_for_save(run, size * share)
    strike(run)
    left = list(run.files.glob('.*.tmp'))
    moment = 'after the renaming of'
    if left:
        part = min(left[0].stat().st_size / size, 1)
        moment = f'with {part:.0%} written of'
    name = path.name.removeprefix('.').removesuffix('.tmp')
    return finish(trial, run, f'killed {moment} {name}')


def preempt(trial: Trial) -> Outcome:
    """SIGTERM or SIGUSR1 to train.py or to dist_train.sh."""
    number = SIGNALS[trial.index % 2]
    kind = (OneProcess, TwoProcesses)[trial.index // 2 % 2]
    run = trial.run(kind)
    run.start()
    wait_for_moment(trial, run)
    send(run.main().pid, number)
    codes = run.group.wait(LIMIT)
    what = f'{number.name} to {run.processes} process(es)'
    if codes != [75]:
        raise TrialError(f'{what}: exit codes {codes}, not 75: {run.tail()}')
    reached, saved = run.step(), whole_checkpoints(run)
    if reached and reached not in saved:
        raise TrialError(f'{what}: iteration {reached}, checkpoints {saved}')
    return finish(trial, run, what)


def lost_process(trial: Trial) -> Outcome:
    """Kill -9 of one of two processes; the other has to end."""
    run = trial.run(TwoProcesses)
    run.start()
    wait_for_moment(trial, run, first=1)
    rank, workers = trial.rng.randrange(2), run.workers()
    if sorted(workers) != [0, 1]:
        raise TrialError(f'ranks {sorted(workers)} run, not 0 and 1')
    send(workers[rank], signal.SIGKILL)
    started = time.monotonic()
    codes = run.group.wait(LIMIT)
    if not all(codes):
        raise TrialError(f'exit codes {codes} after the loss of rank {rank}')
    seconds = time.monotonic() - started
    return finish(trial, run, f'rank {rank} lost, all over in {seconds:.0f} s')


def loader_options(workers: int) -> tuple[str, ...]:
    """Options for a number of loader workers."""
    key = 'train_dataloader'
    return (
        f'{key}.num_workers={workers}',
        f'{key}.persistent_workers={workers > 0}',
    )


def wait_for_moment(trial: Trial, run: Run, first: int = 0) -> None:
    """Wait for a random moment, which may be before the first iteration."""
    step = trial.rng.randrange(first, MAX_ITERS - 3)
    if step:
        run.wait_for_step(step)
    # About an iteration, or the time that it takes to start.
    time.sleep(trial.rng.uniform(0, 0.2) if step else trial.rng.uniform(1, 6))


def strike(run: Run) -> None:
    """Kill -9 of the training; its loader workers have to follow."""
    send(run.main().pid, signal.SIGKILL)
    code = run.group.wait(LIMIT)[0]
    if code != -signal.SIGKILL:
        raise TrialError(f'ended with {code} before the kill: {run.tail()}')


def wait_for_save(run: Run, size: float) -> Path:
    """Wait until a temporary file has a size, or has been renamed."""
    seen: list[Path] = []

    def reached() -> bool:
        seen.extend(run.files.glob('.*.pth.tmp') if not seen else [])
        if not seen:
            return run.ended()
        try:
            return seen[0].stat().st_size >= size
        except FileNotFoundError:
            return True

    wait_until(reached, PATIENCE, lambda: 'no save', pause=0.001)
    if not seen:
        raise TrialError(f'ended without a save: {run.tail()}')
    return seen[0]
