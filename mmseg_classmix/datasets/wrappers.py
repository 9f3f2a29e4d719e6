"""Data sets inside ``dataset`` and ``datasets`` of others."""

from collections.abc import Callable, Iterator
from typing import Any

from mmengine.dataset import BaseDataset


def leaves(
    place: str, dataset: BaseDataset
) -> Iterator[tuple[str, BaseDataset]]:
    """List the built data sets inside wrappers, with their config keys."""
    return _walk(place, dataset, lambda part, key: getattr(part, key, None))


def leaf_configs(place: str, cfg: dict) -> Iterator[tuple[str, dict]]:
    """List the configs of the data sets inside wrappers, likewise."""
    return _walk(place, cfg, lambda part, key: part.get(key))


def replace_leaves(cfg: dict, change: Callable[[dict], dict]) -> dict:
    """Copy the config of a data set with others inside of its wrappers."""
    if 'datasets' in cfg:
        inner = [replace_leaves(part, change) for part in cfg['datasets']]
        return dict(cfg, datasets=inner)
    if 'dataset' in cfg:
        return dict(cfg, dataset=replace_leaves(cfg['dataset'], change))
    return change(cfg)


def _walk(place: str, part: Any, get: Callable) -> Iterator[tuple[str, Any]]:
    if parts := get(part, 'datasets'):
        for i, inner in enumerate(parts):
            yield from _walk(f'{place}.datasets[{i}]', inner, get)
    elif (inner := get(part, 'dataset')) is not None:
        yield from _walk(f'{place}.dataset', inner, get)
    else:
        yield place, part
