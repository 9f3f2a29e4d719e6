"""Read what training runs have logged.

A work directory holds one run: a folder named after the time of every start
(``TIMESTAMP/vis_data/scalars.json`` and ``config.py``), and the config under
its own name. A resumed run has several such folders.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmseg_classmix.runs.plain_config import read_plain_config

from .log import read_log
from .experiments import SEMI_SUPERVISED
from .settings import (
    data_name,
    fits_baseline,
    images_per_iter,
    labeled_source,
    method_of,
    settings,
    split_of,
)

NETWORKS = ('student', 'teacher')


@dataclass(frozen=True)
class Run:
    """One training run.

    Args:
        work_dir: Its folder.
        name: Name of its config file, without ``.py``.
        method: ``paper.SUPERVISED`` or ``paper.SEMI_SUPERVISED``.
        data: Data set.
        fraction: Labeled share, such as '1-8', or 'full'.
        seed: ``randomness.seed``, or None if the config has none.
        split: Seed of the lists of names, or None without such lists.
        max_iters: Iterations of the schedule, or None if it counts epochs.
        reached: Last iteration in the log, 0 if there is none.
        images: Labeled and unlabeled images an iteration, if known.
        validations: Metrics by iteration.
        predict_on: The network that an unnamed metric belongs to.
        settings: Everything that decides the result, but for the seed.
        fits_baseline: Equal for runs that may be compared.
    """

    work_dir: Path
    name: str
    method: str
    data: str
    fraction: str
    seed: int | None
    split: int | None
    max_iters: int | None
    reached: int
    images: tuple[int, int] | None
    validations: dict[int, dict[str, float]]
    predict_on: str
    settings: dict[str, str]
    fits_baseline: tuple

    @property
    def finished(self) -> bool:
        """Whether its last validation is that of the last iteration."""
        return bool(self.validations) and (
            max(self.validations) == self.max_iters
        )

    def score(self, network: str, metric: str, best: bool) -> float | None:
        """Score of one network.

        Args:
            network: 'student' or 'teacher'; the only network of a supervised
                run counts as student.
            metric: Name without a network, such as 'mIoU'.
            best: Best validation instead of the last one.

        Returns:
            The score as logged (mIoU in percent), None if the run has no
            such network or metric.
        """
        scores = list(self.scores(network, metric).values())
        if not scores:
            return None
        return max(scores) if best else scores[-1]

    def scores(self, network: str, metric: str) -> dict[int, float]:
        """Scores of one network by iteration; see :meth:`score`."""
        keys = [f'{network}/{metric}']
        if network == self.predict_on:
            keys.append(metric)
        return {
            i: self.validations[i][key]
            for i in sorted(self.validations)
            for key in keys
            if key in self.validations[i]
        }


def find_runs(folders: list[str | Path]) -> list[Run]:
    """Read all runs below some folders.

    Args:
        folders: Work directories, or folders of work directories.

    Returns:
        Runs, sorted by path, each once.

    Raises:
        FileNotFoundError: If a folder does not exist or has no run in it.
        ValueError: If a log or config cannot be read.
    """
    work_dirs = set()
    for folder in folders:
        if not Path(folder).is_dir():
            raise FileNotFoundError(f'no folder {folder}')
        found = {
            Path(path).resolve().parents[1]
            for path, _, files in os.walk(folder)
            if Path(path).name == 'vis_data' and 'config.py' in files
        }
        if not found:
            raise FileNotFoundError(
                f'no runs in {folder}: expected TIMESTAMP/vis_data/config.py '
                'in it or below, as tools/train.py writes them'
            )
        work_dirs |= found
    return [read_run(path) for path in sorted(work_dirs)]


def read_run(work_dir: str | Path) -> Run | None:
    """Read the run of one work directory.

    Args:
        work_dir: Folder that was given to ``tools/train.py --work-dir``.

    Returns:
        The run, None if none was started there.

    Raises:
        ValueError: If a log or config cannot be read.
    """
    work_dir = Path(work_dir)
    lines, latest = read_log(work_dir)
    if latest is None:
        return None
    validations = {}
    for line in lines:
        # Only LoggerHook times its lines; hooks may log scalars of their own.
        if 'time' in line and 'loss' not in line:
            scores = {k: v for k, v in line.items() if _is_number(v)}
            validations.setdefault(line['step'], {}).update(scores)
    try:
        return _describe(work_dir, latest, lines, validations)
    # A config that somebody else wrote may be wrong in any way.
    except Exception as error:
        if isinstance(error, ValueError) and str(work_dir) in str(error):
            raise
        raise ValueError(
            f'{latest / "vis_data" / "config.py"} is not the config of a '
            f'training run: {error!r}; leave {work_dir} out or remove it'
        ) from error


def _describe(
    work_dir: Path, start: Path, lines: list[dict], validations: dict
) -> Run:
    path = start / 'vis_data' / 'config.py'
    # Reading a result must not run what lies in its folder.
    cfg = read_plain_config(path)
    name = _config_name(work_dir, path)
    source = labeled_source(cfg)
    fraction, split = split_of(source, name)
    method = method_of(cfg)
    predict_on = cfg.model.get('predict_on', 'student')
    processes = _processes(start)
    return Run(
        work_dir=work_dir,
        name=name,
        method=method,
        data=data_name(source),
        fraction=fraction,
        seed=cfg.get('randomness', {}).get('seed'),
        split=split,
        max_iters=cfg.train_cfg.get('max_iters'),
        reached=max((line['step'] for line in lines), default=0),
        images=images_per_iter(cfg, processes),
        validations=validations,
        predict_on=predict_on if method == SEMI_SUPERVISED else 'student',
        settings=settings(cfg, processes),
        fits_baseline=fits_baseline(cfg, processes),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _config_name(work_dir: Path, dumped: Path) -> str:
    """Name of the config file that a start has dumped next to its folder."""
    paths = sorted(work_dir.glob('*.py'))
    if not paths:
        raise ValueError(
            f'{work_dir}: no config next to {dumped.parents[1].name}: the run '
            'has just begun, or stopped while its model was built; try again '
            f'in a minute, or remove {dumped.parents[1]}'
        )
    if len(paths) > 1:
        content = dumped.read_bytes()
        paths = [path for path in paths if path.read_bytes() == content]
    if len(paths) != 1:
        raise ValueError(
            f'{work_dir}: cannot tell which config was trained, '
            f'{len(paths)} of its *.py files are that of {dumped.parents[1]}; '
            'use one work directory a run'
        )
    return paths[0].stem


def _processes(start: Path) -> int | None:
    """Number of processes, from the head of the text log."""
    path = start / f'{start.name}.log'
    if not path.is_file():
        return None
    with open(path, errors='replace') as file:
        for line in file:
            match = re.search(r'\bGPU number: (\d+)', line)
            if match:
                return int(match[1])
    return None
