"""Read runs: from ``run.json``, and their losses from mmengine's logs."""

import json
from dataclasses import dataclass
from pathlib import Path

from .run_json import FILE_NAME, read_record
from .settings import (
    data_name,
    fits_baseline,
    images_per_iter,
    labeled_source,
    method_of,
    settings,
)

# What a line that is no line of scalars may raise, however it was made.
_NO_LINE = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
NO_RECORD = (
    'has no run.json: another tool or an earlier version trained it, or no '
    'iteration was begun. Train it again with tools/train.py, in another '
    '--work-dir'
)


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        config: FOLDER/NAME of its config, without ``.py``.
        method: ``experiments.SUPERVISED`` or ``SEMI_SUPERVISED``.
        fraction: Labeled share, such as '1-8', or 'full'.
        seed: Of weights and the order of the data.
        split: Seed of the lists of names, or None without such lists.
        max_iters: None if the schedule counts epochs.
        images: Labeled and unlabeled images an iteration, if known.
        validations: Percent by iteration, network and metric, such as
            ``[2000]['student']['mIoU']``; the only network of a supervised
            run is the student.
        class_scores: Of the last validation, by network and metric, in the
            order of ``classes``; None for a class without pixels.
        settings: Everything that decides the result, but for the seed.
        fits_baseline: Equal for runs that may be compared.
    """

    work_dir: Path
    config: str
    method: str
    data: str
    fraction: str
    seed: int
    split: int | None
    max_iters: int | None
    images: tuple[int, int] | None
    validations: dict[int, dict[str, dict[str, float]]]
    classes: tuple[str, ...]
    class_scores: dict[str, dict[str, list[float | None]]]
    settings: dict[str, str]
    fits_baseline: tuple

    @property
    def name(self) -> str:
        """Name of its config file, without ``.py``."""
        return self.config.rsplit('/', 1)[-1]

    @property
    def finished(self) -> bool:
        """Whether its last validation is that of the last iteration."""
        return max(self.validations, default=0) == self.max_iters

    def scores(self, network: str, metric: str) -> dict[int, float]:
        """Scores of a network by iteration, of a metric such as 'mIoU'."""
        return {
            i: self.validations[i][network][metric]
            for i in sorted(self.validations)
            if metric in self.validations[i].get(network, {})
        }

    def score(
        self, network: str, metric: str, best: bool = False
    ) -> float | None:
        """Best or last of :meth:`scores`, None if there are none."""
        values = list(self.scores(network, metric).values())
        if not values:
            return None
        return max(values) if best else values[-1]

    def scores_of_classes(
        self, network: str, metric: str
    ) -> dict[str, float | None]:
        """Percent by class at the last validation, such as the 'IoU'.

        None for a class without pixels; a ValueError if there are no such
        scores.
        """
        found = self.class_scores.get(network, {})
        if metric not in found:
            known = [
                f'{n} {m}' for n, s in self.class_scores.items() for m in s
            ]
            raise ValueError(
                f'{self.work_dir}: the last validation has no {metric} of '
                f'every class of the {network}, but '
                f'{", ".join(known) or "none at all"}'
            )
        return dict(zip(self.classes, found[metric], strict=True))


def find_runs(folders: list[str | Path]) -> tuple[list[Run], list[Path]]:
    """Read all runs below some folders.

    Returns runs, sorted by path, each once; and folders that have logs of
    mmengine, but no record. No folder, or no run in it, is a
    FileNotFoundError.
    """
    recorded, others = set(), set()
    for folder in folders:
        if not Path(folder).is_dir():
            raise FileNotFoundError(f'no folder {folder}')
        root = Path(folder).resolve()
        found = {path.parent for path in root.rglob(FILE_NAME)}
        logged = {path.parents[1] for path in root.rglob('vis_data')}
        if not found and logged:
            raise FileNotFoundError(f'{min(logged)} {NO_RECORD}')
        if not found:
            raise FileNotFoundError(
                f'no runs in {folder}: expected run.json in it or below, as '
                'tools/train.py writes it'
            )
        recorded |= found
        others |= logged
    runs = [read_run(path) for path in sorted(recorded)]
    return runs, sorted(others - recorded)


def read_run(work_dir: str | Path) -> Run | None:
    """Read the run of one work directory; None if no record is there."""
    work_dir = Path(work_dir)
    record = read_record(work_dir)
    if record is None:
        return None
    try:
        return _describe(work_dir, record)
    # A record that somebody else wrote may be wrong in any way.
    except Exception as error:
        raise ValueError(
            f'{work_dir / FILE_NAME} is no record of a training run: '
            f'{error!r}; leave {work_dir} out'
        ) from error


def _describe(work_dir: Path, record: dict) -> Run:
    cfg, world_size = record['config'], record['starts'][-1]['world_size']
    validations = record['validations']
    return Run(
        work_dir=work_dir,
        config=record['name'],
        method=method_of(cfg),
        data=data_name(labeled_source(cfg)),
        fraction=record['split']['share'],
        seed=record['seed'],
        split=record['split']['seed'],
        max_iters=cfg['train_cfg'].get('max_iters'),
        images=images_per_iter(cfg, world_size),
        validations={
            v['iteration']: {
                network: {name: float(s) for name, s in scores.items()}
                for network, scores in v['scores'].items()
            }
            for v in validations
        },
        classes=tuple(record['classes']),
        class_scores=validations[-1]['class_scores'] if validations else {},
        settings=settings(cfg, world_size),
        fits_baseline=fits_baseline(cfg, world_size),
    )


def read_log(work_dir: str | Path) -> list[dict]:
    """Read the log of a run as if it had been started once.

    The scalars of mmengine with their ``step``: what was trained again, after
    a resume or a restart, counts.
    """
    record = read_record(work_dir)
    if record is None:
        raise ValueError(f'{work_dir} {NO_RECORD}')
    lines = []
    for start in record['starts']:
        lines = [s for s in lines if s['step'] <= start['iteration']]
        folder = Path(work_dir) / start['log']
        lines += _read_file(folder / 'vis_data' / 'scalars.json')
    return lines


def _read_file(path: Path) -> list[dict]:
    """Read a log; the last line of an interrupted run may be half a line."""
    if not path.is_file():
        return []
    lines = []
    texts = path.read_text(encoding='utf-8', errors='replace').split('\n')
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            lines.append({**line, 'step': int(line['step'])})
        except _NO_LINE as error:
            if number == len(texts):
                break
            raise ValueError(
                f'{path}, line {number}: not a line of scalars with a step: '
                f'{text[:60]!r}; mend or remove the line, or leave its work '
                'directory out'
            ) from error
    return lines
