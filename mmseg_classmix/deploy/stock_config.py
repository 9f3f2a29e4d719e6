"""A config that stock mmseg predicts and evaluates with."""

import ast
import inspect
import math
import os.path as osp
import sys
import textwrap
from copy import deepcopy
from itertools import chain
from typing import Any

import mmengine.registry
import mmseg.registry
from mmengine.config import Config
from mmengine.registry import Registry

from mmseg_classmix.datasets.wrappers import replace_leaves
from mmseg_classmix.deploy.evaluation_data import (
    dataset_without_files,
    evaluation_dataset,
    evaluation_loader,
    type_name,
    without,
)

PACKAGE = __name__.partition('.')[0]
REGISTRIES = [
    item
    for module in (mmengine.registry, mmseg.registry)
    for item in vars(module).values()
    if isinstance(item, Registry)
]
EXPLANATION = [
    'mmseg lacks what is defined here. With _base_, mmengine runs this file '
    'as it is; it reads a config with imports in another way.'
]
VISUALIZER = dict(
    type='SegLocalVisualizer',
    name='visualizer',
    vis_backends=[dict(type='LocalVisBackend')],
)
# Transforms of pipelines that mmseg can do without.
OURS = ('EvaluateAt',)


def stock_sections(cfg: Config, model: dict) -> dict[str, Any]:
    """Collect what the exported config says, by key.

    ``cfg`` is the config of the training, ``model`` the translated network.
    """
    loader = deepcopy(evaluation_loader(cfg))
    pipeline = evaluation_dataset(cfg).get('pipeline', [])
    pipeline = without(pipeline, OURS)
    loader.dataset = replace_leaves(
        loader.dataset, lambda leaf: _stock_dataset(leaf, pipeline)
    )
    if _is_ours(loader.get('sampler', {})):
        loader.sampler = dict(type='DefaultSampler', shuffle=False)
    sections = dict(
        default_scope='mmseg',
        custom_imports=_other_imports(cfg),
        model=model,
        test_pipeline=pipeline,
        test_dataloader=loader,
        test_evaluator=_stock_evaluator(cfg),
        test_cfg=dict(type='TestLoop'),
        default_hooks=dict(visualization=dict(type='SegVisualizationHook')),
        visualizer=VISUALIZER,
    )
    if cfg.get('tta_pipeline'):
        sections['tta_pipeline'] = without(cfg.tta_pipeline, OURS)
        sections['tta_model'] = cfg.get('tta_model', dict(type='SegTTAModel'))
    return {
        key: _checked(value, key) for key, value in sections.items() if value
    }


def config_text(
    sections: dict[str, Any], classes: list[type], header: list[str]
) -> str:
    """Write a config with the source of the classes that mmseg lacks."""
    parts = [_comment(header)]
    if classes:
        source = textwrap.indent(
            '\n\n'.join(map(class_source, classes)), ' ' * 4
        )
        parts += [
            f'{_comment(EXPLANATION)}\n_base_ = []',
            # What a function defines, mmengine does not take for a value.
            f'\ndef register_classes():\n{source}',
            '\nregister_classes()',
        ]
    parts.append(Config(sections).pretty_text.strip())
    return '\n\n'.join(parts) + '\n'


def class_source(kind: type) -> str:
    """Take the source of a class, with the imports and constants it uses.

    It needs nothing else of this package; its module imports ``MODELS``.
    """
    text = inspect.getsource(sys.modules[kind.__module__])
    code = inspect.getsource(kind)
    names = ast.walk(ast.parse(code))
    used = {node.id for node in names if isinstance(node, ast.Name)}
    used.add('MODELS')
    lines = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            node.names = [item for item in node.names if item.name in used]
            lines += [ast.unparse(node)] if node.names else []
        elif isinstance(node, ast.Assign) and node.targets[0].id in used:
            lines.append(ast.get_source_segment(text, node))
    end = f'MODELS.register_module(module={kind.__name__}, force=True)'
    return '\n'.join([*lines, '', code, end])


def _comment(paragraphs: list[str]) -> str:
    wrapper = textwrap.TextWrapper(
        77, break_long_words=False, break_on_hyphens=False
    )
    lines = chain.from_iterable(map(wrapper.wrap, paragraphs))
    return '\n'.join(f'# {line}' for line in lines)


def _stock_dataset(cfg: dict, pipeline: list) -> dict:
    """Translate a data set without wrappers."""
    stock = dict(cfg, pipeline=pipeline)
    if _is_ours(cfg):
        stock.update(_plain_dataset(cfg))
        for key in ('mask_values', 'ignored_values'):
            stock.pop(key, None)
    root = stock.get('data_root')
    if root and '://' not in root:
        stock['data_root'] = osp.abspath(root)
    return stock


def _plain_dataset(cfg: dict) -> dict:
    """Say with BaseSegDataset what one of our classes knows by itself."""
    built = dataset_without_files(cfg)
    if built.label_map:
        raise ValueError(
            f'the test data ({type_name(cfg)}) leaves out classes of its '
            'masks, which BaseSegDataset cannot: convert the masks, and set '
            'test_dataloader.dataset to a BaseSegDataset of them'
        )
    plain = dict(
        type='BaseSegDataset',
        metainfo=dict(
            classes=tuple(built.metainfo['classes']),
            palette=[list(color) for color in built.metainfo['palette']],
        ),
    )
    for key in ('img_suffix', 'seg_map_suffix'):
        suffix = getattr(built, key)
        plain[key] = suffix if isinstance(suffix, str) else suffix[0]
    return plain


def _stock_evaluator(cfg: Config) -> list | dict:
    evaluator = cfg.get('test_evaluator') or cfg.get('val_evaluator') or []
    metrics = [evaluator] if isinstance(evaluator, dict) else evaluator
    metrics = [metric for metric in metrics if not _is_ours(metric)]
    metrics = metrics or [dict(type='IoUMetric', iou_metrics=['mIoU'])]
    return metrics[0] if len(metrics) == 1 else metrics


def _is_ours(cfg: dict) -> bool:
    """Whether a type is of this package, in whatever registry."""
    kind = cfg.get('type', '')
    if not isinstance(kind, str):
        return kind.__module__.startswith(f'{PACKAGE}.')
    name = kind.rpartition('.')[2]
    found = [registry.module_dict.get(name) for registry in REGISTRIES]
    return any(
        getattr(item, '__module__', '').startswith(f'{PACKAGE}.')
        # One that takes the place of mmseg's has another name itself.
        and item.__name__ == name
        for item in found
    )


def _checked(value: Any, place: str) -> Any:
    """Write types as names; refuse those of this package, and objects."""
    if isinstance(value, list | tuple):
        items = enumerate(value)
        return type(value)(_checked(x, f'{place}[{i}]') for i, x in items)
    if isinstance(value, dict):
        if _is_ours(value):
            raise ValueError(
                f'{place} is a {type_name(value)} of mmseg_classmix, which '
                'stock mmseg lacks: leave it out or set it to another type '
                'with --cfg-options'
            )
        return {k: _checked(x, f'{place}.{k}') for k, x in value.items()}
    if isinstance(value, type) or inspect.isfunction(value):
        return value.__name__
    plain = value is None or isinstance(value, str | int | float)
    if not plain or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(
            f'{place} is {value!r}, which a config file cannot hold: set it '
            'to a number, a text or None with --cfg-options'
        )
    return value


def _other_imports(cfg: Config) -> dict | None:
    imports = deepcopy(cfg.get('custom_imports') or {})
    names = imports.get('imports') or []
    names = [names] if isinstance(names, str) else names
    names = [name for name in names if name.partition('.')[0] != PACKAGE]
    return dict(imports, imports=names) if names else None
