"""Scores of groups of runs, and their gain over a baseline."""

from dataclasses import dataclass
from statistics import mean, stdev

from .groups import Group, seed_of
from .experiments import SUPERVISED
from .run import Run


@dataclass(frozen=True)
class Score:
    """Mean over seeds.

    Args:
        mean: Mean.
        std: Sample standard deviation, None for a single run.
        count: Number of runs.
    """

    mean: float
    std: float | None
    count: int


@dataclass(frozen=True)
class Gain:
    """Difference to a baseline.

    Args:
        points: Mean of the group minus mean of the baseline.
        count: Number of seeds that both were averaged over, 0 if they share
            none and the difference is that of all runs.
        partial: Whether runs of the group had to be left out.
    """

    points: float
    count: int
    partial: bool


def score(
    runs: tuple[Run, ...], network: str, metric: str, best: bool = False
) -> Score | None:
    """Average a score.

    Args:
        runs: Runs of one group.
        network: 'student' or 'teacher'.
        metric: Such as 'mIoU'.
        best: Best validation of every run instead of the last one.

    Returns:
        The average, None if not every run has the score.
    """
    values = [run.score(network, metric, best) for run in runs]
    if not values or None in values:
        return None
    std = stdev(values) if len(values) > 1 else None
    return Score(mean(values), std, len(values))


def find_baseline(
    group: Group, groups: list[Group]
) -> tuple[Group | None, list[Group]]:
    """Find the supervised runs that a group has to beat.

    They have the data set, labeled share, number of iterations, pipeline and
    number of labeled images, backbone, initial weights and validation of the
    group. Of several such groups a baseline of the paper goes first.

    Args:
        group: Any group.
        groups: All groups.

    Returns:
        The baseline, None for a supervised group or if none fits or several
        fit equally well; and all groups that fit.
    """
    if group.first.method == SUPERVISED:
        return None, []
    fitting = [
        other
        for other in groups
        if other.first.method == SUPERVISED
        and _comparable(other.first) == _comparable(group.first)
    ]
    known = [other for other in fitting if other.experiment is not None]
    choice = known or fitting
    return (choice[0] if len(choice) == 1 else None), fitting


def gain(
    group: Group,
    baseline: Group,
    network: str,
    metric: str,
    best: bool = False,
) -> Gain | None:
    """Compare a group with its baseline on the seeds that both have.

    Args:
        group: Semi-supervised runs.
        baseline: Supervised runs.
        network: Network of the group; a baseline has but one.
        metric: Such as 'mIoU'.
        best: Best validations instead of the last ones.

    Returns:
        The gain, None if a score is missing.
    """
    ours = {seed_of(run): run for run in group.runs}
    theirs = {seed_of(run): run for run in baseline.runs}
    # Without an explicit seed nothing says that two runs belong together.
    common = [s for s in ours if s in theirs and s[0] is not None]
    first = [ours[s] for s in common] or list(group.runs)
    second = [theirs[s] for s in common] or list(baseline.runs)
    a = score(tuple(first), network, metric, best)
    b = score(tuple(second), 'student', metric, best)
    if a is None or b is None:
        return None
    partial = len(common) < max(len(group.runs), len(baseline.runs))
    return Gain(a.mean - b.mean, len(common), partial)


def _comparable(run: Run) -> tuple:
    return run.data, run.fraction, run.max_iters, run.fits_baseline
