"""What the config that a run has dumped says about the run."""

import re
from pathlib import PurePath
from typing import Any

from mmengine.config import Config, ConfigDict

from .experiments import SEMI_SUPERVISED, SUPERVISED

# A name that does not say what the data are.
PLAIN_TYPES = ('BaseSegDataset', 'CustomDataset')
DATA_NAMES = dict(PascalVOC='VOC')
SPLIT_FILE = re.compile(r'^(?P<size>.+)_(?P<seed>\d+)_(?:un)?labeled$')
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


def method_of(cfg: Config) -> str:
    """Tell a mean teacher from an ordinary segmentor."""
    return SEMI_SUPERVISED if 'segmentor' in cfg.model else SUPERVISED


def labeled_source(cfg: Config) -> ConfigDict:
    """Find the data set of the labeled images, without its wrappers."""
    source = cfg.train_dataloader.dataset
    while 'dataset' in source or 'datasets' in source:
        source = (source.get('datasets') or [source.get('dataset')])[0]
    return source


def data_name(source: ConfigDict) -> str:
    """Name a data set after its class, or its folder if that says nothing."""
    name = source.type if isinstance(source.type, str) else str(source.type)
    if name in PLAIN_TYPES and source.get('data_root'):
        return PurePath(source.data_root).name
    name = name.removesuffix('Dataset')
    return DATA_NAMES.get(name, name)


def split_of(source: ConfigDict, config_name: str) -> tuple[str, int | None]:
    """Read the labeled share off the list of names.

    Args:
        source: Config of the labeled images.
        config_name: Name of the config file.

    Returns:
        Fraction, such as '1-8', and the seed of the split. Without a list,
        or with a config that calls itself so, the fraction is 'full'; of a
        list that ``tools/make_splits.py`` did not name, it is the name of
        the list.
    """
    stem = PurePath(source.get('ann_file') or '').stem
    match = SPLIT_FILE.match(stem)
    if match:
        return match['size'], int(match['seed'])
    if not stem or config_name.endswith('_full'):
        return 'full', None
    return stem, None


def images_per_iter(cfg: Config, processes: int | None) -> tuple | None:
    """Count the images of one optimizer step, over all processes.

    Args:
        cfg: Config of the run.
        processes: Number of processes, or None if it is not known.

    Returns:
        Labeled and unlabeled images, or None if they are not known.
    """
    loader = cfg.train_dataloader
    if processes is None or 'batch_size' not in loader:
        return None
    steps = cfg.get('optim_wrapper', {}).get('accumulative_counts', 1)
    total = loader.batch_size * processes * steps
    ratio = loader.get('sampler', {}).get('source_ratio') or [1]
    labeled = total * ratio[0] // sum(ratio)
    return labeled, total - labeled


def settings(cfg: Config, processes: int | None) -> dict[str, str]:
    """Flatten everything that decides a result, but for the seed.

    Folders are left out of paths, and the seed out of the names of splits:
    the same experiment has the same settings on every machine.

    Args:
        cfg: Config of the run.
        processes: Number of processes, or None if it is not known.

    Returns:
        Text of every value by its dotted key.
    """
    flat = {}
    for key in DECISIVE:
        _flatten(key, _get(cfg, key), flat)
    flat = {key: v for key, v in flat.items() if key not in INDIFFERENT}
    wrapper = cfg.get('model_wrapper_cfg') or {}
    # One process has the statistics of the whole batch anyway; without a GPU
    # the wrapper sees to them.
    if processes == 1 or wrapper.get('sync_bn'):
        flat['sync_bn'] = 'torch'
    images = images_per_iter(cfg, processes)
    if images is None:
        flat['images_per_process'] = str(
            cfg.train_dataloader.get('batch_size')
        )
    else:
        flat['images_per_iter'] = '+'.join(str(n) for n in images if n)
    return flat


def fits_baseline(cfg: Config, processes: int | None) -> tuple:
    """Everything that a run and its supervised baseline have in common.

    Args:
        cfg: Config of the run.
        processes: Number of processes, or None if it is not known.

    Returns:
        Equal for two runs with the same folder of labeled images, pipeline
        for them and number of them an iteration, the same backbone and
        initial weights, validated the same way.
    """
    flat = {}
    model = cfg.model.get('segmentor', cfg.model)
    _flatten('backbone', model.get('backbone'), flat)
    _flatten('pretrained', model.get('pretrained'), flat)
    _flatten('load_from', cfg.get('load_from'), flat)
    source = labeled_source(cfg)
    _flatten('data_root', source.get('data_root'), flat)
    _flatten('pipeline', source.get('pipeline'), flat)
    _flatten('val', _get(cfg, 'val_dataloader.dataset'), flat)
    _flatten('val_evaluator', cfg.get('val_evaluator'), flat)
    images = images_per_iter(cfg, processes)
    return (images and images[0], *sorted(flat.items()))


def _get(cfg: Config, dotted: str) -> Any:
    for key in dotted.split('.'):
        cfg = cfg.get(key) if cfg is not None else None
    return cfg


def _flatten(key: str, value: Any, flat: dict[str, str]) -> None:
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        if any(isinstance(inner, dict | list | tuple) for inner in value):
            items = enumerate(value)
        elif value:
            # Class weights, say, are one difference, not one a class.
            flat[key] = f'[{", ".join(map(_portable, value))}]'
    elif value is not None:
        flat[key] = _portable(value)
    for name, inner in items:
        _flatten(f'{key}.{name}', inner, flat)


def _portable(value: Any) -> str:
    name = PurePath(value).name if isinstance(value, str) else str(value)
    return re.sub(r'_\d+_((?:un)?labeled)', r'_SEED_\1', name)
