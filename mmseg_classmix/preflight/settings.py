"""Settings that cannot work, found before anything is built."""

import math
import os.path as osp
from numbers import Number
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device

# Key: lowest value, highest value, whether it is a whole number.
RANGES = {
    'train_cfg.max_iters': (1, math.inf, True),
    'train_cfg.val_interval': (1, math.inf, True),
    'optim_wrapper.accumulative_counts': (1, math.inf, True),
    'optim_wrapper.optimizer.lr': (0, math.inf, False),
    'optim_wrapper.optimizer.momentum': (0, 1, False),
    'optim_wrapper.optimizer.weight_decay': (0, math.inf, False),
}
PREPROCESSORS = (
    'data_preprocessor',
    'model.data_preprocessor',
    'model.segmentor.data_preprocessor',
)
for _loader in ('train', 'val', 'test'):
    RANGES[f'{_loader}_dataloader.batch_size'] = (1, math.inf, True)
    RANGES[f'{_loader}_dataloader.num_workers'] = (0, math.inf, True)


def check_settings(cfg: Config) -> None:
    """Refuse values that fail late, silently, or without naming their key.

    Only what the library would not say better is looked at; each class of
    this package checks its own arguments.

    Args:
        cfg: The whole config.

    Raises:
        FileNotFoundError: If ``load_from`` is a local file that is missing;
            with ``resume`` it may not be needed, and its loader tells.
        ValueError: If a number is out of range, a loader keeps workers that
            it does not have, or mixed precision has no GPU.
    """
    for key, limits in RANGES.items():
        _check_number(key, _get(cfg, key), *limits)
    for name in ('train', 'val', 'test'):
        _check_workers(f'{name}_dataloader', cfg.get(f'{name}_dataloader'))
    for key in PREPROCESSORS:
        _check_size(f'{key}.size', _get(cfg, f'{key}.size'))
    _check_amp(_get(cfg, 'optim_wrapper.type'))
    if not cfg.get('resume'):
        _check_load_from(cfg.get('load_from'))


def _get(cfg: Any, key: str) -> Any:
    for part in key.split('.'):
        cfg = cfg.get(part) if hasattr(cfg, 'get') else None
    return cfg


def _check_number(
    key: str, value: Any, lowest: float, highest: float, whole: bool
) -> None:
    if value is None:
        return
    number = isinstance(value, Number) and not isinstance(value, bool)
    if whole:
        number = isinstance(value, int) and number
    if not number or not lowest <= value <= highest or value == math.inf:
        kind = 'a whole number' if whole else 'a number'
        limit = (
            f'at least {lowest}'
            if highest == math.inf
            else f'in [{lowest}, {highest}]'
        )
        raise ValueError(f'{key}={value!r} must be {kind}, {limit}')


def _check_size(key: str, size: Any) -> None:
    if size is None:
        return
    pair = isinstance(size, (list, tuple)) and len(size) == 2
    if not pair or not all(isinstance(x, int) and x > 0 for x in size):
        raise ValueError(
            f'{key}={size!r} must be two whole numbers above 0, (height, '
            'width), to which batches are padded; the crop size of the '
            'pipelines'
        )


def _check_workers(key: str, loader: dict | None) -> None:
    loader = loader or {}
    if loader.get('persistent_workers') and not loader.get('num_workers'):
        raise ValueError(
            f'{key}.persistent_workers=True, but {key}.num_workers=0: set '
            'persistent_workers=False too'
        )


def _check_amp(kind: str | None) -> None:
    if kind == 'AmpOptimWrapper' and get_device() in ('cpu', 'mps'):
        raise ValueError(
            "optim_wrapper.type='AmpOptimWrapper' (--amp) needs a GPU, and "
            "torch finds none: leave it out, or set 'OptimWrapper'"
        )


def _check_load_from(path: str | None) -> None:
    if not path or '://' in path or osp.isfile(osp.expanduser(path)):
        return
    raise FileNotFoundError(
        f'load_from={path!r}: no such checkpoint. Correct the path; to '
        'continue the run of a work directory, use --resume alone'
    )
