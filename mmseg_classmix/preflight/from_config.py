"""Problems of a config alone, built piece by piece."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATA_SAMPLERS, HOOKS, init_default_scope
from mmengine.visualization import Visualizer
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from torch import nn
from torch.utils.data import Dataset

from mmseg_classmix.datasets import MultiSourceDataset, MultiSourceSampler
from mmseg_classmix.datasets.build_source import build_source
from mmseg_classmix.datasets.multi_source import PLACE
from mmseg_classmix.datasets.wrappers import leaf_configs
from mmseg_classmix.engine.runner import HOOKS_OF_EVERY_RUN
from mmseg_classmix.preflight.problem import Problem, Start, find_problems


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
        start.load_from = None if cfg.get('resume') else cfg.get('load_from')
        start.resume = bool(cfg.get('resume'))
        start.model = self._model()
        loader = cfg.get('train_dataloader') or {}
        start.train = self._train(loader.get('dataset'))
        start.loose = self.loose
        start.classes = self._classes(start.train, loader.get('dataset'))
        start.sampler = self._sampler(start.train, loader.get('sampler'))
        if val := (cfg.get('val_dataloader') or {}).get('dataset'):
            start.val = self._dataset('val_dataloader.dataset', val)
        hooks = self._hooks()
        start.hooks = [hook for hook in hooks if hook is not None]
        start.has_all_hooks = None not in hooks
        found = find_problems(start)
        # A check says better what a constructor refuses.
        said = {problem.where for problem in found}
        if start.model is not None and not any(
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
        sources = {
            f'{PLACE}[{i}]': self._dataset(f'{PLACE}[{i}]', source)
            for i, source in enumerate(cfg.get('datasets') or ())
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
        for _, leaf in leaf_configs('', cfg or {}):
            try:
                lazy = DATASETS.build(dict(leaf, lazy_init=True))
            except Exception:
                return None
            return lazy.metainfo.get('classes')

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
        return sampler if isinstance(sampler, MultiSourceSampler) else None

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
