"""Group finished runs over seeds and place them in the paper."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from .experiments import EXPERIMENTS, SUPERVISED, Experiment, find_experiment
from .run import Run
from .settings import settings

# Longer lists of differences tell nothing.
SHOWN_DIFFERENCES = 2


@dataclass(frozen=True)
class Group:
    """Finished runs of one experiment, one a seed.

    Args:
        runs: The runs, sorted by seed.
        difference: What tells it from a group of the same name, or ''.
        experiment: The row of the paper that it repeats, or None.
        deviation: Why a config of the paper may not stand next to the
            published score, or ''.
    """

    runs: tuple[Run, ...]
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


def group_runs(runs: list[Run], configs: Path) -> list[Group]:
    """Group finished runs that differ in nothing but the seed.

    Args:
        runs: Finished runs.
        configs: Folder of the shipped configs: a run with other settings
            does not repeat the paper.

    Returns:
        Groups in the order of the paper; others after them, baselines first.

    Raises:
        ValueError: If a group has two runs of one seed and split: counting
            one, or both, would change the result.
    """
    same_name = defaultdict(lambda: defaultdict(list))
    for run in runs:
        key = (run.data, run.fraction, run.method, run.name, run.max_iters)
        same_name[key][tuple(sorted(run.settings.items()))].append(run)
    groups, twice = [], []
    for variants in same_name.values():
        differences = _differences([dict(key) for key in variants])
        for members, difference in zip(
            variants.values(), differences, strict=True
        ):
            twice += _check_seeds(members)
            members.sort(key=_seed_order)
            experiment, deviation = _place_in_paper(members[0], configs)
            groups.append(
                Group(tuple(members), difference, experiment, deviation)
            )
    if twice:
        raise ValueError(
            'finished runs of the same experiment and seed, leave one of '
            'each two out:\n' + '\n'.join(twice)
        )
    return sorted(groups, key=_group_order)


def seed_of(run: Run) -> tuple[int | None, int | None]:
    """Seed and split: what tells the runs of a group apart."""
    return run.seed, run.split


def _seed_order(run: Run) -> tuple:
    numbers = (-1 if n is None else n for n in seed_of(run))
    return *numbers, str(run.work_dir)


def _check_seeds(runs: list[Run]) -> list[str]:
    seen, twice = {}, []
    for run in runs:
        twin = seen.setdefault(seed_of(run), run)
        if run.seed is not None and twin is not run:
            twice.append(
                f'{run.name}, {run.data} {run.fraction}, seed {run.seed}: '
                f'{twin.work_dir} and {run.work_dir}'
            )
    return twice


def _place_in_paper(run: Run, configs: Path) -> tuple[Experiment | None, str]:
    experiment = find_experiment(run.name, run.method)
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
        changed, _ = _differences(
            [_method(run.settings), _method(settings(cfg, None))]
        )
        deviations = [f'{changed}, unlike {path}'] if changed else []
    return experiment, '; '.join(deviations)


def _method(flat: dict[str, str]) -> dict[str, str]:
    """Leave out the images an iteration and where the data are."""
    return {
        key: value
        for key, value in flat.items()
        if not key.startswith('images_per_') and not key.endswith('data_root')
    }


def _differences(variants: list[dict[str, str]]) -> list[str]:
    """Say what each of several settings has that not all of them have."""
    keys = sorted(
        key
        for key in set().union(*variants)
        if len({variant.get(key) for variant in variants}) > 1
    )
    texts = []
    for variant in variants:
        parts = [f'{k}={variant.get(k, "unset")}' for k in keys]
        hidden = len(parts) - SHOWN_DIFFERENCES
        parts = parts[:SHOWN_DIFFERENCES]
        if hidden > 0:
            parts.append(f'{hidden} more')
        texts.append(', '.join(parts))
    return texts


def _group_order(group: Group) -> tuple:
    run, known = group.first, group.experiment
    place = EXPERIMENTS.index(known) if known else -1
    # On other data the rows of the paper are ablations: baselines go first.
    rank = (1, run.fraction, run.method != SUPERVISED, place)
    if known and known.data == run.data:
        rank = (0, '', False, place)
    return (run.data, *rank, run.name, run.max_iters, group.difference)
