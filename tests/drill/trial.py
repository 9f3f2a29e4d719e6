"""What every trial does after its fault: look, resume, compare."""

from dataclasses import dataclass
from random import Random

from drill.compare import differences, read
from drill.processes import TrialError
from drill.runs import INTERVAL, MAX_ITERS, Run, number
from drill.workspace import Workspace


@dataclass
class Trial:
    """One fault, once.

    Args:
        fault: Name of the fault.
        index: Number of the trial among those of its fault, from 0.
        workspace: Data and references.
        seed: Seed of the drill.
    """

    fault: str
    index: int
    workspace: Workspace
    seed: int

    def __post_init__(self) -> None:
        self.name = f'{self.fault}-{self.index + 1}'
        self.rng = Random(f'{self.seed} {self.name}')

    def run(self, kind: type[Run], **options) -> Run:
        """Make a run in the folder of this trial."""
        return self.workspace.run(kind, self.name, **options)


@dataclass
class Outcome:
    """How a trial ended.

    Args:
        what: What was done and seen, in words.
        lost: Iterations that had to be computed again.
        different: Names of what differs from the undisturbed run.
    """

    what: str
    lost: int
    different: list[str]


def whole_checkpoints(run: Run) -> list[int]:
    """Read what a fault has left.

    Returns:
        Iterations of the checkpoints, in order.

    Raises:
        TrialError: If a file with the name of a checkpoint is damaged, or
            none is there although one was written before the fault.
    """
    for path in run.files.glob('*.pth'):
        read(path)
    steps = [number(path) for path in run.checkpoints()]
    if not steps and run.step() > INTERVAL:
        raise TrialError(f'no checkpoint at iteration {run.step()}')
    return steps


def finish(trial: Trial, run: Run, what: str) -> Outcome:
    """Resume a disturbed run until its end and compare it.

    Raises:
        TrialError: If a checkpoint is damaged, the resumed run fails, or
            more is lost than what came after the last checkpoint.
    """
    reached, saved = run.step(), whole_checkpoints(run)
    known = set(run.curves())
    run.start(resume=True)
    run.end_well()
    steps = [
        line['step']
        for name, curve in run.curves().items()
        for line in curve
        if name not in known and 'loss' in line
    ]
    start = min(steps, default=MAX_ITERS + 1) - 1
    what = f'{what} at iteration {reached}, resumed from {start}'
    if start != max(saved, default=0):
        raise TrialError(f'{what}, but checkpoints are {saved}')
    if not 0 <= reached - start <= INTERVAL:
        raise TrialError(f'{what}: saved every {INTERVAL}')
    return compare(trial, run, what, reached - start)


def compare(trial: Trial, run: Run, what: str, lost: int) -> Outcome:
    """Compare a run that has reached its end with the reference."""
    reference = trial.workspace.reference(run.processes)
    return Outcome(what, lost, differences(run, reference))
