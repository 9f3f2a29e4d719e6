"""What the config of a run says about it, and what decides its result.

Configs are plain dicts here, as ``run.json`` holds them.
"""

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from mmseg_classmix.datasets.wrappers import leaf_configs
from mmseg_classmix.distributed.plain_config import flatten

from .experiments import SEMI_SUPERVISED, SUPERVISED

# As tools/make_splits.py names lists.
SPLIT_FILE = re.compile(r'^(?P<share>.+)_(?P<seed>\d+)_(?:un)?labeled$')
# What decides a result. The rest is where it is written and how fast.
DECISIVE = (
    'model',
    'train_dataloader',
    'val_dataloader.dataset',
    'val_evaluator',
    'val_cfg.type',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'custom_hooks',
    'load_from',
    'sync_bn',
)
INDIFFERENT = (
    'train_dataloader.num_workers',
    'train_dataloader.persistent_workers',
    'train_dataloader.pin_memory',
    'train_dataloader.prefetch_factor',
    # Per process; the images of all processes are compared instead.
    'train_dataloader.batch_size',
    'train_dataloader.sampler.batch_size',
    'train_cfg.val_interval',
)


def method_of(cfg: dict) -> str:
    """Tell a mean teacher from an ordinary segmentor."""
    return SEMI_SUPERVISED if 'segmentor' in cfg['model'] else SUPERVISED


def labeled_source(cfg: dict) -> dict:
    """Find the data set of the labeled images, without its wrappers."""
    return next(leaf_configs('', cfg['train_dataloader']['dataset']))[1]


def data_name(source: dict) -> str:
    """Name a data set after its class, or its folder if that says nothing."""
    name = source['type'].rpartition('.')[-1]
    plain_type = name in ('BaseSegDataset', 'CustomDataset')
    if plain_type and source.get('data_root'):
        return PurePath(source['data_root']).name
    name = name.removesuffix('Dataset')
    return 'VOC' if name == 'PascalVOC' else name


def split_of(source: dict, config_name: str) -> tuple[str, int | None]:
    """Read labeled share and seed of the split off the name of a list.

    Without a list, or with a config that calls itself so, the share is 'full';
    of a list that ``tools/make_splits.py`` did not name, it is the name of the
    list.
    """
    stem = PurePath(source.get('ann_file') or '').stem
    if match := SPLIT_FILE.match(stem):
        return match['share'], int(match['seed'])
    if not stem or config_name.endswith('_full'):
        return 'full', None
    return stem, None


def images_per_iter(cfg: dict, world_size: int) -> tuple[int, int] | None:
    """Count labeled and unlabeled images of a step, over all processes."""
    loader = cfg['train_dataloader']
    if 'batch_size' not in loader:
        return None
    steps = (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    total = loader['batch_size'] * world_size * steps
    ratio = (loader.get('sampler') or {}).get('source_ratio') or [1]
    labeled = total * ratio[0] // sum(ratio)
    return labeled, total - labeled


def settings(cfg: dict, world_size: int) -> dict[str, str]:
    """List everything that decides a result, but for the seed, as text by key.

    Folders are left out of paths, and the seed out of the names of splits: the
    same experiment has the same settings on every machine.
    """
    flat = {}
    for key in DECISIVE:
        flat |= _texts(key, _get(cfg, key))
    flat = {key: v for key, v in flat.items() if key not in INDIFFERENT}
    wrapper = cfg.get('model_wrapper_cfg') or {}
    # One process has the statistics of the whole batch anyway; without a GPU
    # the wrapper sees to them.
    if world_size == 1 or wrapper.get('sync_bn'):
        flat['sync_bn'] = 'torch'
    images = images_per_iter(cfg, world_size) or ()
    flat['images_per_iter'] = '+'.join(str(n) for n in images if n)
    return flat


def differences(variants: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Say for each of several settings what not all of them have.

    A key that one of them lacks is 'unset' there.
    """
    keys = sorted(
        key
        for key in set().union(*variants)
        if len({variant.get(key) for variant in variants}) > 1
    )
    return [{key: v.get(key, 'unset') for key in keys} for v in variants]


def fits_baseline(cfg: dict, world_size: int) -> tuple:
    """Everything that a run and its supervised baseline have in common."""
    model = cfg['model'].get('segmentor', cfg['model'])
    source = labeled_source(cfg)
    shared = dict(
        backbone=model.get('backbone'),
        pretrained=model.get('pretrained'),
        load_from=cfg.get('load_from'),
        data_root=source.get('data_root'),
        pipeline=source.get('pipeline'),
        val=_get(cfg, 'val_dataloader.dataset'),
        val_evaluator=cfg.get('val_evaluator'),
    )
    images = images_per_iter(cfg, world_size)
    return (images and images[0], *sorted(_texts('', shared).items()))


def _get(cfg: dict, dotted: str) -> Any:
    for key in dotted.split('.'):
        cfg = None if cfg is None else cfg.get(key)
    return cfg


def _texts(key: str, value: Any) -> dict[str, str]:
    """Texts of all values that are set, by dotted key."""
    return {
        name: _portable(leaf)
        for name, leaf in flatten(value, key)
        if leaf not in (None, [], {})
    }


def _portable(value: Any) -> str:
    if isinstance(value, list):
        return f'[{", ".join(map(_portable, value))}]'
    name = PurePath(value).name if isinstance(value, str) else str(value)
    return re.sub(r'_\d+_((?:un)?labeled)', r'_SEED_\1', name)
