"""A config that stock mmseg predicts and evaluates with."""

import os.path as osp
import textwrap
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import mmengine.registry
import mmseg.registry
from mmengine.config import Config
from mmengine.registry import Registry
from mmseg.registry import DATA_SAMPLERS, DATASETS, METRICS, TRANSFORMS

from mmseg_classmix.datasets.wrappers import replace_leaves
from mmseg_classmix.deploy.config_format import Reference, assignment
from mmseg_classmix.deploy.evaluation_data import (
    dataset_without_files,
    evaluation_loader,
    type_name,
    without,
)
from mmseg_classmix.deploy.stock_model import PACKAGE, is_ours

MODULES = Path(__file__).with_name('modules')
SIZE_OF_EVALUATION = 'EvaluateAt'
REGISTRIES = [
    item
    for module in (mmengine.registry, mmseg.registry)
    for item in vars(module).values()
    if isinstance(item, Registry)
]
OF_LABELED_DATASET = ('mask_values', 'ignored_values')
# Written once.
PIPELINE = Reference('test_pipeline')
EXPLANATION = [
    'mmseg lacks what is defined here. With _base_, mmengine runs this file '
    'as it is; it reads a config with imports in another way.'
]
VISUALIZER = dict(
    type='SegLocalVisualizer',
    name='visualizer',
    vis_backends=[dict(type='LocalVisBackend')],
)


def stock_sections(cfg: Config, model: dict) -> dict[str, Any]:
    """Collect what the exported config says, in its order.

    Args:
        cfg: Config of the training.
        model: Translated config of the network.

    Returns:
        Values by key; ``test_dataloader`` has :data:`PIPELINE` where
        ``test_pipeline`` belongs.

    Raises:
        ValueError: If test data or their transforms need this package.
    """
    loader = deepcopy(evaluation_loader(cfg))
    pipelines = []
    loader.dataset = replace_leaves(
        loader.dataset, lambda leaf: _stock_dataset(leaf, pipelines)
    )
    if is_ours(type_name(loader.get('sampler', {})), DATA_SAMPLERS):
        loader.sampler = dict(type='DefaultSampler', shuffle=False)
    sections = dict(
        default_scope='mmseg',
        custom_imports=_other_imports(cfg),
        model=model,
        test_pipeline=_stock_pipeline(pipelines[0]),
        test_dataloader=loader,
        test_evaluator=_stock_evaluator(cfg),
        test_cfg=dict(type='TestLoop'),
    )
    if cfg.get('tta_pipeline'):
        sections['tta_pipeline'] = _stock_pipeline(cfg.tta_pipeline)
        sections['tta_model'] = cfg.get('tta_model', dict(type='SegTTAModel'))
    sections['default_hooks'] = dict(
        visualization=dict(type='SegVisualizationHook')
    )
    sections['visualizer'] = VISUALIZER
    # The model has been translated, and names its counterparts of ours.
    for key, value in sections.items():
        if key != 'model':
            _check_types(value, key)
    return {key: _named(value) for key, value in sections.items() if value}


def config_text(
    sections: dict[str, Any], modules: list[str], header: list[str]
) -> str:
    """Write a config with the source of the modules that mmseg lacks.

    Args:
        sections: Values by key.
        modules: Names of files in ``export/modules``.
        header: Paragraphs of the comment at its start.

    Returns:
        Python source.
    """
    parts = [_comment(header)]
    if modules:
        parts.append(f'{_comment(EXPLANATION)}\n_base_ = []')
    parts += [_as_function(name) for name in modules]
    parts += [assignment(key, value) for key, value in sections.items()]
    return '\n\n'.join(parts) + '\n'


def _comment(paragraphs: list[str]) -> str:
    lines = []
    for paragraph in paragraphs:
        lines += textwrap.wrap(
            paragraph, 77, break_long_words=False, break_on_hyphens=False
        )
    return '\n'.join(f'# {line}' for line in lines)


def _as_function(module: str) -> str:
    source = (MODULES / f'{module}.py').read_text('utf-8')
    # What a function defines, mmengine does not take for a value.
    name = f'register_{module}'
    body = textwrap.indent(source.strip(), '    ')
    return f'\ndef {name}():\n{body}\n\n\n{name}()'


def _stock_pipeline(pipeline: list, place: str = 'test_pipeline') -> list:
    steps = without(pipeline, (SIZE_OF_EVALUATION,))
    for step in _leaves(steps):
        if is_ours(type_name(step), TRANSFORMS):
            raise ValueError(
                f'{place} has {type_name(step)} of mmseg_classmix, which '
                'stock mmseg lacks: leave it out with --cfg-options'
            )
    return steps


def _leaves(steps: list) -> list[dict]:
    found = []
    for step in steps:
        if isinstance(step, list | tuple):
            found += _leaves(step)
        else:
            found += [step, *_leaves(step.get('transforms', []))]
    return found


def _stock_dataset(cfg: dict, pipelines: list[list]) -> dict:
    """Translate a dataset without wrappers; collects its pipeline."""
    name = type_name(cfg)
    pipelines.append(cfg.get('pipeline', []))
    stock = dict(cfg, pipeline=PIPELINE)
    if is_ours(name, DATASETS):
        stock.update(_plain_dataset(cfg, name))
        for key in OF_LABELED_DATASET:
            stock.pop(key, None)
    root = stock.get('data_root')
    if root and '://' not in root:
        stock['data_root'] = osp.abspath(root)
    return stock


def _plain_dataset(cfg: dict, name: str) -> dict:
    """Say with BaseSegDataset what one of our classes knows by itself."""
    built = dataset_without_files(cfg)
    if built.label_map:
        raise ValueError(
            f'the test data ({name}) leaves out classes of its masks, which '
            'BaseSegDataset cannot: convert the masks, and set '
            'test_dataloader.dataset to a BaseSegDataset of them'
        )
    meta = built.metainfo
    return dict(
        type='BaseSegDataset',
        metainfo=dict(
            classes=tuple(meta['classes']),
            palette=[list(color) for color in meta['palette']],
        ),
        img_suffix=_first(built.img_suffix),
        seg_map_suffix=_first(built.seg_map_suffix),
    )


def _first(suffix: str | Sequence[str]) -> str:
    return suffix if isinstance(suffix, str) else suffix[0]


def _stock_evaluator(cfg: Config) -> list | dict:
    evaluator = cfg.get('test_evaluator') or cfg.get('val_evaluator') or []
    single = isinstance(evaluator, dict)
    metrics = [
        metric
        for metric in ([evaluator] if single else evaluator)
        if not is_ours(type_name(metric), METRICS)
    ]
    metrics = metrics or [dict(type='IoUMetric', iou_metrics=['mIoU'])]
    return metrics[0] if len(metrics) == 1 else metrics


def _check_types(value: Any, place: str) -> None:
    """Refuse types of this package, wherever and in whatever registry."""
    if isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check_types(item, f'{place}[{i}]')
    if not isinstance(value, dict):
        return
    kind = value.get('type')
    if not isinstance(kind, str):
        ours = getattr(kind, '__module__', '').partition('.')[0] == PACKAGE
    else:
        ours = any(is_ours(kind, registry) for registry in REGISTRIES)
    if ours:
        raise ValueError(
            f'{place} is a {type_name(value)} of mmseg_classmix, which stock '
            'mmseg lacks: set it to another type with --cfg-options'
        )
    for key, item in value.items():
        _check_types(item, f'{place}.{key}')


def _named(value: Any) -> Any:
    """Write classes, which a config may have as types, as their names."""
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_named(item) for item in value)
    return value.__name__ if isinstance(value, type) else value


def _other_imports(cfg: Config) -> dict | None:
    imports = deepcopy(cfg.get('custom_imports') or {})
    names = imports.get('imports') or []
    names = [names] if isinstance(names, str) else names
    names = [name for name in names if name.partition('.')[0] != PACKAGE]
    return dict(imports, imports=names) if names else None
