"""``run.json``: the one record of a run, in its work directory.

It is written when a training starts or is resumed, after every validation
and at the end; whatever reads finished runs reads it. docs/tables.md
describes its keys.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from pathlib import Path
from platform import python_version
from typing import Any

import mmcv
import mmengine
import mmseg
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_classmix.checkpoints import AtomicLocalBackend
from mmseg_classmix.checkpoints.compare import NETWORKS
from mmseg_classmix.checkpoints.published_weights import file_hash
from mmseg_classmix.datasets.wrappers import leaves
from mmseg_classmix.distributed.model_wrapper import unwrap
from mmseg_classmix.distributed.plain_config import plain
from mmseg_classmix.version import __version__

from .settings import differences, labeled_source, settings, split_of

FILE_NAME = 'run.json'
#: Changes whenever a reader of before would be wrong.
FORMAT = 1


def read_record(work_dir: str | Path) -> dict | None:
    """Read the record of the run in a work directory.

    Returns None if there is none; a ValueError if it cannot be read, or has
    another format.
    """
    path = Path(work_dir) / FILE_NAME
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text('utf-8'))
        found = record['format']
    # Whatever somebody else may have written.
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f'{path} is no record of a run: {error!r}; leave {work_dir} out'
        ) from error
    if found != FORMAT:
        raise ValueError(
            f'{path} has format {found!r}, not {FORMAT}: read it with the '
            'version of mmseg_classmix that trained the run, or leave '
            f'{work_dir} out'
        )
    return record


def _on_main_process(method: Callable) -> Callable:
    """Keep what goes wrong with a record from ending the training."""

    @wraps(method)
    def call(self: Hook, runner: Runner, *args, **kwargs) -> None:
        if runner.rank != 0:
            return
        try:
            method(self, runner, *args, **kwargs)
        except Exception as error:
            runner.logger.exception(
                f'{Path(runner.work_dir) / FILE_NAME} is not up to date: '
                f'{error}. The training goes on, but tables of runs may lack '
                'it; the next validation tries again'
            )

    return call


class RunRecordHook(Hook):
    """Write ``run.json``; ``tools/train.py`` registers it.

    A start at iteration N (0, unless it is resumed) drops validations after
    N: they are made again. What is at the top of the record is that of the
    last start.
    """

    # Before CheckpointHook: a checkpoint whose validation is done finds it in
    # the record.
    priority = 'LOW'

    def __init__(self) -> None:
        self._record = None

    @_on_main_process
    def before_train_epoch(self, runner: Runner) -> None:
        """Write what is known at the start, after all checks of it."""
        if self._record is None:
            self._record = self._begin(runner)
            self._write(runner)

    def _begin(self, runner: Runner) -> dict:
        record = _describe(runner)
        before, starts, validations, name = _earlier(runner)
        # A resume may read the config that lies in the work directory.
        if Path(name).name == Path(record['name']).name:
            record['name'] = name
        now = settings(record['config'], runner.world_size)
        start = dict(
            time=_now(),
            iteration=runner.iter,
            log=runner.timestamp,
            command=shlex.join(sys.argv),
            world_size=runner.world_size,
            versions=_versions(),
            commit=_commit(),
            changed=differences([before or now, now])[1],
        )
        starts = [*starts, start]
        return dict(record, starts=starts, validations=validations, end=None)

    @_on_main_process
    def after_val_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Add the scores of a validation."""
        # A validation that is made up for comes before the first epoch.
        if self._record is None:
            self._record = self._begin(runner)
        # One that was cut off after it was written is made again.
        earlier = _until(runner.iter - 1, self._record['validations'])
        new = _validation(runner, metrics or {})
        self._record['validations'] = [*earlier, new]
        self._write(runner)

    @_on_main_process
    def after_train(self, runner: Runner) -> None:
        """Note the end of a whole training."""
        if self._record is not None and runner.iter >= runner.max_iters:
            self._record['end'] = dict(time=_now(), iteration=runner.iter)
            self._write(runner)

    def _write(self, runner: Runner) -> None:
        text = json.dumps(self._record, indent=1, allow_nan=False)
        AtomicLocalBackend('Make room').put_text(
            f'{text}\n', Path(runner.work_dir) / FILE_NAME
        )


def _earlier(runner: Runner) -> tuple[dict | None, list, list, str]:
    """Settings, starts, valid validations and name in an earlier record."""
    try:
        record = read_record(runner.work_dir)
        if record is None:
            return None, [], [], ''
        return (
            settings(record['config'], record['starts'][-1]['world_size']),
            record['starts'],
            _until(runner.iter, record['validations']),
            record['name'],
        )
    # Whatever somebody else may have written: it is put aside.
    except Exception as error:
        path = Path(runner.work_dir) / FILE_NAME
        aside = path.with_suffix('.unreadable')
        path.replace(aside)
        runner.logger.error(
            f'{path} cannot be continued: {error!r}. It is {aside} now, and '
            'a new one begins'
        )
        return None, [], [], ''


def _until(iteration: int, validations: list[dict]) -> list[dict]:
    return [v for v in validations if v['iteration'] <= iteration]


def _describe(runner: Runner) -> dict:
    """What is true of the whole run."""
    path = Path(runner.cfg.filename or 'unnamed/config.py').absolute()
    config = plain(runner.cfg.to_dict())
    share, seed = split_of(labeled_source(config), path.stem)
    sets = dict(train_dataloader=runner.train_loop.dataloader.dataset)
    if runner.val_loop is not None:
        sets['val_dataloader'] = runner.val_loop.dataloader.dataset
    meta = getattr(list(sets.values())[-1], 'metainfo', None) or {}
    return dict(
        format=FORMAT,
        name=f'{path.parent.name}/{path.stem}',
        config_file=str(path),
        config=config,
        seed=runner.seed,
        split=dict(share=share, seed=seed),
        classes=plain(meta.get('classes') or ()),
        data=[
            source
            for key, dataset in sets.items()
            for source in _sources(f'{key}.dataset', dataset)
        ],
    )


def _sources(place: str, dataset: Any) -> Iterator[dict]:
    """Size and list of names of every data set."""
    for key, leaf in leaves(place, dataset):
        names = getattr(leaf, 'ann_file', None)
        known = bool(names) and Path(names).is_file()
        yield dict(
            source=key,
            type=type(leaf).__name__,
            images=len(leaf),
            list=os.path.normpath(names) if names else None,
            sha256=file_hash(Path(names)) if known else None,
        )


def _validation(runner: Runner, metrics: dict) -> dict:
    """Numbers of a validation, by network."""
    # A supervised run has one network, which tables show as the student.
    own = getattr(unwrap(runner.model), 'predict_on', NETWORKS[0])
    scores, classes = {}, {}
    for key, value in metrics.items():
        network, _, name = key.partition('/')
        if network not in NETWORKS:
            network, name = own, key
        # A confusion matrix is no score, and neither is NaN.
        if isinstance(number := plain(value), int | float):
            scores.setdefault(network, {})[name] = number
    loop = runner.val_loop
    evaluators = getattr(loop, 'evaluators', None) or {own: loop.evaluator}
    for network, evaluator in evaluators.items():
        for metric in evaluator.metrics:
            found = plain(getattr(metric, 'class_scores', {}))
            classes.setdefault(network, {}).update(found)
    return dict(iteration=runner.iter, scores=scores, class_scores=classes)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec='seconds')


def _versions() -> dict[str, str]:
    modules = torch, mmengine, mmcv, mmseg
    versions = {m.__name__: str(m.__version__) for m in modules}
    return dict(
        mmseg_classmix=__version__, **versions, python=python_version()
    )


def _commit() -> str | None:
    """Commit of this package, if it is used from its repository."""
    root = Path(__file__).resolve().parents[2]
    # An installed package may lie in the repository of something else.
    if not (root / '.git').exists():
        return None
    command = 'git describe --always --dirty --abbrev=40 --exclude=*'.split()
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
