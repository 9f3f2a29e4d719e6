"""Problems of a config alone, built piece by piece."""

import os
from collections.abc import Callable
from copy import deepcopy
from logging import LogRecord
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.dist import is_distributed
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import (
    DATA_SAMPLERS,
    EVALUATOR,
    HOOKS,
    LOOPS,
    PARAM_SCHEDULERS,
    Registry,
    init_default_scope,
)
from mmengine.visualization import Visualizer
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from torch import nn
from torch.utils.data import Dataset

from mmseg_classmix.datasets import MultiSourceDataset, MultiSourceSampler
from mmseg_classmix.datasets.build_source import build_source
from mmseg_classmix.datasets.multi_source import PLACE
from mmseg_classmix.datasets.wrappers import leaf_configs
from mmseg_classmix.engine.hooks.safe_checkpoint_hook import checkpoint_place
from mmseg_classmix.engine.runner import HOOKS_OF_EVERY_RUN
from mmseg_classmix.preflight.problem import Problem, Start, find_problems
from mmseg_classmix.preflight.settings import value_of


def check_config(cfg: Config) -> list[Problem]:
    """Find all problems of a training without starting it.

    What a constructor refuses is a problem, and the parts around it are
    checked all the same.

    Args:
        cfg: The whole config of a training.

    Returns:
        The problems.
    """
    return _Pieces(deepcopy(cfg)).problems()


def problems_beside(error: Exception, cfg: Config) -> list[Problem]:
    """All problems of a config whose start an error has ended.

    That error is one of them, once; nothing where it is the only one.
    """
    try:
        problems = check_config(cfg)
    # What nobody has thought of may not hide the error.
    except Exception:
        return []
    if problems and not any(_is_named(error, p) for p in problems):
        own = Problem.of_error(error, 'while the run was built')
        problems.insert(0, own)
    return problems


def _is_named(error: Exception, problem: Problem) -> bool:
    text = str(error)
    if isinstance(error, OSError) and problem.where == 'work_dir':
        text = f'[Errno {error.errno}]'
    if text:
        return text in problem.found
    return Problem.of_error(error, '').found == problem.found


class _Pieces:
    """Build the pieces of a config, and collect what they refuse."""

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        self.refused: list[Problem] = []
        self.loose: list[tuple[str, Dataset]] = []
        init_default_scope(cfg.get('default_scope') or 'mmseg')

    def problems(self) -> list[Problem]:
        """Build everything, then run the checks."""
        cfg = self.cfg
        start = Start(cfg)
        self._check_parts()
        start.model = self._try('model', self._model)
        data = value_of(cfg, 'train_dataloader.dataset')
        start.train = self._train(data)
        start.loose = self.loose
        start.classes = self._classes(start.train, data)
        sampler = value_of(cfg, 'train_dataloader.sampler')
        start.sampler = self._sampler(start.train, sampler)
        if val := value_of(cfg, 'val_dataloader.dataset'):
            start.val = self._dataset('val_dataloader.dataset', val)
        hooks = self._try('default_hooks, custom_hooks', self._hooks) or [None]
        start.hooks = [hook for hook in hooks if hook is not None]
        start.has_all_hooks = None not in hooks
        start.load_from, start.resume = _checkpoint(cfg, start.hooks)
        found = find_problems(start)
        # A check says better what a constructor refuses.
        said = {problem.where for problem in found}
        optimizer = cfg.get('optim_wrapper') and start.model is not None
        if optimizer and not any(
            place.startswith('optim_wrapper') for place in said
        ):
            self._try('optim_wrapper', self._optimizer, start.model)
        return list(dict.fromkeys([*self.refused, *found]))

    def _try(self, place: str, build: Callable, *arguments: Any) -> Any:
        try:
            return build(*arguments)
        # Whatever a constructor raises.
        except Exception as error:
            self.refused.append(Problem.of_error(error, place))
            return None

    def _check_parts(self) -> None:
        """Look for the parts of the loops, and their types."""
        cfg = self.cfg
        for key in ('train_cfg', 'optim_wrapper'):
            if not cfg.get(key):
                self.refused.append(
                    Problem(f'there is no {key}', key, 'set it')
                )
        for name in ('val', 'test'):
            keys = [f'{name}_{x}' for x in ('dataloader', 'cfg', 'evaluator')]
            missing = [key for key in keys if cfg.get(key) is None]
            if 0 < len(missing) < 3:
                self.refused.append(
                    Problem(
                        f'there is no {" and no ".join(missing)}, but the '
                        f'others of {", ".join(keys)}',
                        missing[0],
                        'set all of them, or all to None',
                    )
                )
        train = cfg.get('train_cfg') or {}
        if 'by_epoch' not in train:
            self._look_up('train_cfg', train, LOOPS)
        if 'type' in (cfg.get('val_cfg') or ()):
            self._look_up('val_cfg', cfg.val_cfg, LOOPS)
        if evaluator := cfg.get('val_evaluator'):
            self._try('val_evaluator', _build_evaluator, deepcopy(evaluator))
        steps = cfg.get('param_scheduler') or []
        if isinstance(steps, dict):
            # Without a type they are those of several optimizers.
            steps = [steps] if 'type' in steps else []
        for i, step in enumerate(steps):
            place = f'param_scheduler[{i}]'
            self._look_up(place, step, PARAM_SCHEDULERS)

    def _look_up(self, place: str, cfg: dict, registry: Registry) -> None:
        """Refuse a part whose type is missing or unknown."""
        kind = cfg.get('type') if isinstance(cfg, dict) else type(cfg)
        if cfg and not kind:
            self.refused.append(
                Problem(f'{place} has no type', place, 'set its type')
            )
        elif isinstance(kind, str) and registry.get(kind) is None:
            self.refused.append(
                Problem(
                    f'{place}.type={kind!r} is not in the registry of '
                    f'{registry.name}s',
                    place,
                    'correct the name, or add its module to custom_imports',
                )
            )

    def _model(self) -> nn.Module | None:
        """Build the model; without the parts that are refused."""
        cfg = self.cfg.get('model') or {}
        if preprocessor := self.cfg.get('data_preprocessor'):
            cfg.setdefault('data_preprocessor', preprocessor)
        if 'segmentor' in cfg:
            self._leave_out_refused(cfg)
        return self._try('model', MODELS.build, cfg)

    def _leave_out_refused(self, cfg: dict) -> None:
        loss, key = deepcopy(cfg.get('unsup_loss')), 'model.unsup_loss'
        if self._try(key, MODELS.build, loss) is None:
            cfg['unsup_loss'] = dict(type='PseudoLabelLoss')
        steps = cfg.get('batch_transforms')
        if isinstance(steps, list):
            place = 'model.batch_transforms'
            cfg['batch_transforms'] = [
                step
                for i, step in enumerate(steps)
                if self._try(f'{place}[{i}]', TRANSFORMS.build, deepcopy(step))
            ]

    def _train(self, cfg: dict | None) -> Dataset | None:
        """Build all sources; those beside a refused one are kept."""
        place = 'train_dataloader.dataset'
        if not cfg:
            self.refused.append(
                Problem('there is no training data', place, 'set it')
            )
            return None
        if cfg.get('type') not in ('MultiSourceDataset', MultiSourceDataset):
            return self._dataset(place, cfg)
        parts = cfg.get('datasets') or ()
        if not isinstance(parts, (list, tuple)):
            self.refused.append(
                Problem(
                    f'{PLACE}={parts!r}', PLACE, 'give a list of data sets'
                )
            )
            return None
        sources = {
            f'{PLACE}[{i}]': self._dataset(f'{PLACE}[{i}]', source)
            for i, source in enumerate(parts)
        }
        built = list(sources.values())
        train = None
        if None not in built:
            cfg = dict(cfg, datasets=built)
            train = self._try(place, DATASETS.build, cfg)
        if train is None:
            self.loose = [(k, part) for k, part in sources.items() if part]
        return train

    def _dataset(self, place: str, cfg: dict) -> BaseDataset | None:
        return self._try(place, build_source, place, cfg)

    def _classes(self, train: Dataset | None, cfg: dict | None) -> Any:
        """Classes of the labeled data, also if it has no images."""
        if train is not None:
            return (getattr(train, 'metainfo', None) or {}).get('classes')
        try:
            _, leaf = next(leaf_configs('', cfg or {}))
            lazy = DATASETS.build(dict(leaf, lazy_init=True))
            return lazy.metainfo.get('classes')
        except Exception:
            return None

    def _sampler(
        self, train: Dataset | None, cfg: dict | None
    ) -> MultiSourceSampler | None:
        if train is None or not cfg:
            return None
        sampler = self._try(
            'train_dataloader.sampler',
            lambda: DATA_SAMPLERS.build(
                cfg, default_args=dict(dataset=train, seed=0)
            ),
        )
        if not isinstance(sampler, MultiSourceSampler):
            return None
        # --check connects no processes.
        if not is_distributed():
            sampler.world_size = int(os.environ.get('WORLD_SIZE', 1))
        return sampler

    def _hooks(self) -> list[Hook | None]:
        """Build all hooks; None is one that is refused."""
        cfgs = {}
        for key, cfg in (self.cfg.get('default_hooks') or {}).items():
            if isinstance(cfg, dict) and key in HOOKS_OF_EVERY_RUN:
                cfg = {'type': HOOKS_OF_EVERY_RUN[key], **cfg}
            cfgs[f'default_hooks.{key}'] = cfg
        for i, cfg in enumerate(self.cfg.get('custom_hooks') or ()):
            cfgs[f'custom_hooks[{i}]'] = cfg
        # Hooks that draw ask for one.
        if not Visualizer._instance_dict:
            Visualizer.get_instance('preflight')
        return [
            self._try(place, _build_hook, cfg)
            for place, cfg in cfgs.items()
            if cfg
        ]

    def _optimizer(self, model: nn.Module) -> object:
        return build_optim_wrapper(model, self.cfg.optim_wrapper)


def _build_hook(cfg: Hook | dict) -> Hook:
    """Build a hook as the runner does, which takes ``priority`` out."""
    if isinstance(cfg, Hook):
        return cfg
    return HOOKS.build({k: v for k, v in cfg.items() if k != 'priority'})


def _build_evaluator(cfg: dict | list) -> Evaluator:
    """Build an evaluator as the runner does."""
    if isinstance(cfg, Evaluator):
        return cfg
    # Warnings are for the one that will be used.
    logger = MMLogger.get_current_instance()
    logger.addFilter(_nothing)
    try:
        if isinstance(cfg, dict) and 'metrics' in cfg:
            return EVALUATOR.build({'type': 'Evaluator', **cfg})
        return Evaluator(cfg)
    finally:
        logger.removeFilter(_nothing)


def _nothing(record: LogRecord) -> bool:
    """Let no record pass."""
    return False


def _checkpoint(cfg: Config, hooks: list[Hook]) -> tuple[str | None, bool]:
    """Tell what is loaded first, if it is known, and whether to resume it."""
    resume = cfg.get('resume')
    if isinstance(resume, str):
        return resume, True
    if resume and cfg.get('work_dir'):
        run = SimpleNamespace(hooks=hooks, work_dir=cfg.work_dir)
        folder, template = checkpoint_place(run)
        names = template.replace('{}', '*')
        if '://' in folder or any(Path(folder).glob(names)):
            return None, True
    return cfg.get('load_from'), False
