"""Finished runs grouped over seeds: their scores, gains and published rows."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

from mmengine.config import Config

from mmseg_classmix.distributed.plain_config import plain

from .experiments import EXPERIMENTS, SUPERVISED, Experiment
from .run import Run
from .settings import differences, settings

# Longer lists of differences tell nothing.
SHOWN_DIFFERENCES = 2


@dataclass(frozen=True)
class Group:
    """Finished runs of one experiment, one a seed.

    Attributes:
        runs: Sorted by seed.
        difference: What tells it from a group of the same name, or ''.
        experiment: The row of the paper that it repeats, or None.
        deviation: Why a config of the paper may not stand next to the
            published score, or ''.
    """

    runs: list[Run]
    difference: str
    experiment: Experiment | None
    deviation: str

    @property
    def first(self) -> Run:
        """One of the runs, for what all of them share."""
        return self.runs[0]

    @property
    def label(self) -> str:
        """Name of the config, and what tells it from others of the name."""
        extra = f' [{self.difference}]' if self.difference else ''
        return self.first.name + extra

    @property
    def data(self) -> str:
        """Data set and labeled share, such as 'Cityscapes 1-8'."""
        return f'{self.first.data} {self.first.fraction}'

    @property
    def repeats_paper(self) -> bool:
        """Whether its scores may stand next to the published ones."""
        return self.experiment is not None and not self.deviation


@dataclass(frozen=True)
class Score:
    """Mean over seeds, and sample deviation, None for a single run."""

    mean: float
    std: float | None


@dataclass(frozen=True)
class Gain:
    """Difference to a baseline, in points.

    Attributes:
        count: Number of seeds that both were averaged over, 0 if they share
            none and the difference is that of all runs.
        partial: Whether runs of the group had to be left out.
    """

    points: float
    count: int
    partial: bool


def group_runs(runs: list[Run], configs: Path) -> list[Group]:
    """Group finished runs that differ in nothing but the seed.

    A run with other settings than those of the folder ``configs`` does not
    repeat the paper. The groups are in the order of the paper; others follow,
    baselines first. Two runs of one seed and split are a ValueError: counting
    one, or both, would change the result.
    """
    same_name = defaultdict(lambda: defaultdict(list))
    for run in runs:
        key = (run.data, run.fraction, run.method, run.name, run.max_iters)
        same_name[key][tuple(sorted(run.settings.items()))].append(run)
    groups, twice = [], []
    for variants in same_name.values():
        found = differences([dict(key) for key in variants])
        for members, difference in zip(variants.values(), found, strict=True):
            members.sort(key=_seed_of)
            twice += [
                f'{a.name}, {a.data} {a.fraction}, seed {a.seed}: '
                f'{a.work_dir} and {b.work_dir}'
                for a, b in pairwise(members)
                if _seed_of(a) == _seed_of(b)
            ]
            experiment, deviation = _place_in_paper(members[0], configs)
            shown = _shown(difference)
            groups.append(Group(members, shown, experiment, deviation))
    if twice:
        raise ValueError(
            'finished runs of the same experiment and seed, leave one of '
            'each two out:\n' + '\n'.join(twice)
        )
    return sorted(groups, key=_group_order)


def _seed_of(run: Run) -> tuple[int, int]:
    """Seed and split: what tells the runs of a group apart."""
    return run.seed, -1 if run.split is None else run.split


def _place_in_paper(run: Run, configs: Path) -> tuple[Experiment | None, str]:
    """The row of the paper, and why a run may not stand next to it."""
    experiment = next((e for e in EXPERIMENTS if e.config == run.config), None)
    if experiment is None or run.data != experiment.data:
        return experiment, 'another data set'
    labeled = run.images[0] if run.images else None
    checks = {
        'iterations': (run.max_iters, experiment.max_iters),
        'labeled share': (run.fraction, experiment.fraction),
        'labeled images an iteration': (labeled, experiment.labeled),
    }
    deviations = [
        f'{what} {ours or "unknown"}, in the paper {theirs}'
        for what, (ours, theirs) in checks.items()
        if ours != theirs
    ]
    path = configs / f'{experiment.config}.py'
    if not deviations and path.is_file():
        cfg = Config.fromfile(str(path), import_custom_modules=False)
        shipped = settings(plain(cfg.to_dict()), world_size=1)
        changed, _ = differences([_method(run.settings), _method(shipped)])
        deviations = [f'{_shown(changed)}, unlike {path}'] if changed else []
    return experiment, '; '.join(deviations)


def _method(flat: dict[str, str]) -> dict[str, str]:
    """Leave out the images an iteration and where the data are."""
    return {
        key: value
        for key, value in flat.items()
        if key != 'images_per_iter' and not key.endswith('data_root')
    }


def _shown(difference: dict[str, str]) -> str:
    parts = [f'{key}={value}' for key, value in difference.items()]
    hidden = len(parts) - SHOWN_DIFFERENCES
    more = [f'{hidden} more'] if hidden > 0 else []
    return ', '.join(parts[:SHOWN_DIFFERENCES] + more)


def _group_order(group: Group) -> tuple:
    run, known = group.first, group.experiment
    place = EXPERIMENTS.index(known) if known else -1
    # On other data the rows of the paper are ablations: baselines go first.
    rank = (1, run.fraction, run.method != SUPERVISED, place)
    if known and known.data == run.data:
        rank = (0, '', False, place)
    return (run.data, *rank, run.name, run.max_iters, group.difference)


def score(
    runs: list[Run], network: str, metric: str, best: bool = False
) -> Score | None:
    """Average a score of 'student' or 'teacher', if every run has it.

    Of the best validation of every run, or of the last one.
    """
    values = [run.score(network, metric, best) for run in runs]
    if not values or None in values:
        return None
    std = stdev(values) if len(values) > 1 else None
    return Score(mean(values), std)


def find_baseline(
    group: Group, groups: list[Group]
) -> tuple[Group | None, list[Group]]:
    """Find the supervised runs that a group has to beat.

    They have the data set, labeled share, number of iterations, pipeline and
    number of labeled images, backbone, initial weights and validation of the
    group. Of several such groups a baseline of the paper goes first.

    Returns the baseline, None for a supervised group or if none fits or
    several fit equally well; and all groups that fit.
    """
    if group.first.method == SUPERVISED:
        return None, []
    fitting = [
        other
        for other in groups
        if other.first.method == SUPERVISED
        and _comparable(other.first) == _comparable(group.first)
    ]
    choice = [other for other in fitting if other.experiment] or fitting
    return (choice[0] if len(choice) == 1 else None), fitting


def gain(
    group: Group,
    baseline: Group,
    network: str,
    metric: str,
    best: bool = False,
) -> Gain | None:
    """Compare a network with its baseline on the seeds that both have.

    None if a score is missing.
    """
    ours = {_seed_of(run): run for run in group.runs}
    theirs = {_seed_of(run): run for run in baseline.runs}
    common = [seed for seed in ours if seed in theirs]
    first = [ours[s] for s in common] or group.runs
    second = [theirs[s] for s in common] or baseline.runs
    a = score(first, network, metric, best)
    b = score(second, 'student', metric, best)
    if a is None or b is None:
        return None
    partial = len(common) < max(len(group.runs), len(baseline.runs))
    return Gain(a.mean - b.mean, len(common), partial)


def _comparable(run: Run) -> tuple:
    return run.data, run.fraction, run.max_iters, run.fits_baseline
