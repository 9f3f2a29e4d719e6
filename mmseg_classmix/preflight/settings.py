"""Values of the config that fail late, silently, or without their key.

Only what the library would not say better is looked at; each class of this
package checks its own arguments.
"""

import math
from collections.abc import Iterator
from numbers import Number
from typing import Any

from mmengine.device import get_device

from mmseg_classmix.checkpoints import check_writable
from mmseg_classmix.preflight.problem import Problem, Start, check

# Key: lowest value, highest value, whether it is a whole number.
RANGES = {
    'train_cfg.max_iters': (1, math.inf, True),
    'train_cfg.val_interval': (1, math.inf, True),
    'optim_wrapper.accumulative_counts': (1, math.inf, True),
    'optim_wrapper.optimizer.lr': (0, math.inf, False),
    'optim_wrapper.optimizer.momentum': (0, 1, False),
    'optim_wrapper.optimizer.weight_decay': (0, math.inf, False),
}
LOADERS = tuple(f'{name}_dataloader' for name in ('train', 'val', 'test'))
for _loader in LOADERS:
    RANGES[f'{_loader}.batch_size'] = (1, math.inf, True)
    RANGES[f'{_loader}.num_workers'] = (0, math.inf, True)
PREPROCESSORS = (
    'data_preprocessor',
    'model.data_preprocessor',
    'model.segmentor.data_preprocessor',
)


@check('training')
def numbers_are_in_range(start: Start) -> Iterator[Problem]:
    """Number by number, see ``RANGES``."""
    for key, (lowest, highest, whole) in RANGES.items():
        value = value_of(start.cfg, key)
        number = isinstance(value, int if whole else Number)
        if isinstance(value, bool) or not number:
            fits = value is None
        else:
            fits = lowest <= value <= highest and value != math.inf
        if not fits:
            yield Problem(
                f'{key}={value!r}',
                key,
                f'give {"a whole" if whole else "a"} number '
                + (
                    f'of at least {lowest}'
                    if highest == math.inf
                    else f'in [{lowest}, {highest}]'
                ),
            )


@check('training')
def padding_has_a_size(start: Start) -> Iterator[Problem]:
    """Batches are padded to ``size``."""
    for key in PREPROCESSORS:
        size = value_of(start.cfg, f'{key}.size')
        pair = isinstance(size, (list, tuple)) and len(size) == 2
        if size is not None and not (
            pair and all(isinstance(x, int) and x > 0 for x in size)
        ):
            yield Problem(
                f'{key}.size={size!r}',
                key,
                'give two whole numbers above 0, (height, width), to which '
                'batches are padded; the crop size of the pipelines',
            )


@check('training')
def kept_workers_exist(start: Start) -> Iterator[Problem]:
    """Workers can be kept only if there are any."""
    for key in LOADERS:
        loader = start.cfg.get(key) or {}
        if loader.get('persistent_workers') and not loader.get('num_workers'):
            yield Problem(
                f'{key}.persistent_workers=True, but {key}.num_workers=0',
                key,
                'set persistent_workers=False too',
            )


@check('training')
def mixed_precision_has_a_gpu(start: Start) -> Iterator[Problem]:
    """Mmengine says so with an assertion."""
    kind = value_of(start.cfg, 'optim_wrapper.type')
    if kind == 'AmpOptimWrapper' and get_device() in ('cpu', 'mps'):
        yield Problem(
            "optim_wrapper.type='AmpOptimWrapper' needs a GPU, and torch "
            'finds none',
            'optim_wrapper.type',
            "leave --amp out, or set 'OptimWrapper'",
        )


@check('training')
def work_dir_can_be_written(start: Start) -> Iterator[Problem]:
    """Logs and checkpoints go there."""
    if folder := start.cfg.get('work_dir'):
        try:
            check_writable(folder)
        except OSError as error:
            yield Problem(str(error), 'work_dir')


def value_of(cfg: Any, key: str) -> Any:
    """Look a dotted key up; None if it is not there."""
    for part in key.split('.'):
        cfg = cfg.get(part) if hasattr(cfg, 'get') else None
    return cfg
