"""The training runs of a table, as commands."""

import fnmatch
import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from mmengine.config import Config

from .experiments import TABLES, Experiment
from .run import read_run
from .settings import SPLIT_FILE, labeled_source

# configs/ablations inherit from a config of this name.
ABLATION_BASE = 'cityscapes_1-8'
NEW, BEGUN, FINISHED = 'new', 'begun', 'finished'


@dataclass(frozen=True)
class Job:
    """One training run of a table.

    Attributes:
        seed: Of the run and of its split.
        options: ``KEY=VALUE`` for ``--cfg-options``.
        status: ``NEW``, ``BEGUN`` or ``FINISHED``.
        missing: Files that it needs and that are not there.
    """

    experiment: Experiment
    seed: int
    config: Path
    work_dir: Path
    options: tuple[str, ...]
    status: str
    missing: tuple[Path, ...]

    def command(
        self, tools: Path, gpus: int, partition: str | None
    ) -> tuple[dict[str, str], list[str]]:
        """Write its command line: variables to set, and the words.

        ``tools`` is the folder of the launch scripts, ``partition`` that of
        Slurm; None to train on this machine.
        """
        env, config = _variables(self.experiment), str(self.config)
        if partition is None:
            words = [str(tools / 'dist_train.sh'), config, str(gpus)]
        else:
            env['GPUS'] = str(gpus)
            env['GPUS_PER_NODE'] = os.environ.get('GPUS_PER_NODE', str(gpus))
            name = f'{self.experiment.config}_{self.seed}'.replace('/', '_')
            words = [str(tools / 'slurm_train.sh'), partition, name, config]
        words += ['--work-dir', str(self.work_dir)]
        if self.status == BEGUN:
            words.append('--resume')
        return env, [*words, '--cfg-options', *self.options]


def command_line(env: dict[str, str], words: list[str]) -> str:
    """Write a command as a shell reads it."""
    variables = [f'{key}={shlex.quote(v)}' for key, v in env.items()]
    return ' '.join([*variables, shlex.join(words)])


def experiments_of(table: str, patterns: list[str]) -> list[Experiment]:
    """List the rows of a table whose configs fit one of some patterns.

    With ``ABLATION_BASE=NAME`` in the environment, the ablations are those of
    that config, and their batch is the one that it has.
    """
    rows = TABLES[table]
    base = os.environ.get('ABLATION_BASE', ABLATION_BASE)
    if table == 'ablations' and base != ABLATION_BASE:
        rows = [
            replace(
                row,
                table=f'ablations_{base}',
                config=row.config.replace(ABLATION_BASE, base),
                labeled=None,
                ablation_base=base if 'ablations/' in row.config else None,
            )
            for row in rows
        ]
    names, kept = [row.config for row in rows], set()
    for pattern in patterns or ['*']:
        fitting = fnmatch.filter(names, pattern)
        if not fitting:
            raise ValueError(
                f'--only {pattern} fits none of: {", ".join(names)}'
            )
        kept.update(fitting)
    return [row for row in rows if row.config in kept]


def plan(
    experiments: list[Experiment],
    seeds: list[int],
    gpus: int,
    configs: Path,
    out: Path,
    options: list[str],
) -> list[Job]:
    """Plan the runs of some rows and seeds, fraction by fraction.

    The processes share the batch of the table. Work directories are
    OUT/TABLE/CONFIG/seed_SEED. Processes that cannot share the batch and
    folders with another finished run are a ValueError.
    """
    jobs = []
    for experiment in experiments:
        config, cfg = configs / f'{experiment.config}.py', None
        if config.is_file():
            cfg = _load(config, _variables(experiment))
        for seed in seeds:
            own, lists = [f'randomness.seed={seed}'], []
            if cfg is not None:
                lists = _split_files(experiment, cfg, seed)
                own += [
                    f'train_dataloader.dataset.datasets.{i}.ann_file={path}'
                    for i, path in enumerate(lists)
                ]
                own += _batch_options(experiment, cfg, gpus)
            folder = experiment.config.removeprefix('ablations/')
            work_dir = out / experiment.table / folder / f'seed_{seed}'
            job = Job(
                experiment=experiment,
                seed=seed,
                config=config,
                work_dir=work_dir,
                options=(*own, *options),
                status=_status(work_dir, _max_iters(cfg, options)),
                missing=tuple(p for p in [config, *lists] if not p.is_file()),
            )
            jobs.append(job)
    return jobs


def _variables(experiment: Experiment) -> dict[str, str]:
    """Variables of the environment that the config of a row reads."""
    base = experiment.ablation_base
    return {} if base is None else dict(ABLATION_BASE=base)


def _load(config: Path, variables: dict[str, str]) -> Config:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        return Config.fromfile(str(config), import_custom_modules=False)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _split_files(experiment: Experiment, cfg: Config, seed: int) -> list[Path]:
    """The lists of a seed, where the config has those of another one."""
    path = Path(os.path.normpath(labeled_source(cfg).get('ann_file') or ''))
    match = SPLIT_FILE.match(path.stem)
    if not match:
        return []
    kinds = ['labeled', 'unlabeled'][: 1 + (experiment.baseline is not None)]
    share = match['share']
    return [path.with_name(f'{share}_{seed}_{kind}.txt') for kind in kinds]


def _batch_options(
    experiment: Experiment, cfg: Config, gpus: int
) -> list[str]:
    """Batch of a process, if the config has another one."""
    if experiment.labeled is None:
        return []
    if experiment.labeled % gpus:
        raise ValueError(
            f'--gpus {gpus}: the {experiment.labeled} labeled images an '
            f'iteration of {experiment.config} cannot be shared equally'
        )
    loader = cfg.train_dataloader
    ratio = loader.sampler.get('source_ratio', [1])
    size = experiment.labeled // gpus * sum(ratio) // ratio[0]
    if loader.batch_size == size:
        return []
    keys = ('batch_size', 'sampler.batch_size')
    return [f'train_dataloader.{key}={size}' for key in keys]


def _max_iters(cfg: Config | None, options: list[str]) -> int | None:
    key = 'train_cfg.max_iters='
    for option in options:
        if option.startswith(key):
            value = option.removeprefix(key)
            if not value.isdecimal():
                raise ValueError(f'--cfg-options {option}: not a number')
            return int(value)
    return None if cfg is None else cfg.train_cfg.max_iters


def _status(work_dir: Path, max_iters: int | None) -> str:
    run = read_run(work_dir)
    if run is None:
        if (work_dir / 'last_checkpoint').is_file():
            raise ValueError(
                f'{work_dir} has checkpoints, but no run.json: an earlier '
                'version trained it. Move it away, or give another --work-dir'
            )
        # Logs of a training that has not come to its first iteration.
        return BEGUN if any(work_dir.glob('*/vis_data')) else NEW
    if not run.finished:
        return BEGUN
    if max_iters is not None and run.max_iters != max_iters:
        raise ValueError(
            f'{work_dir} has a finished run of {run.max_iters} iterations, '
            f'not {max_iters}: move it away, or give another --work-dir'
        )
    return FINISHED
