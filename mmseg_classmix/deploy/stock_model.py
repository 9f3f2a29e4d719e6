"""The config of a network in types that stock mmseg has."""

from collections.abc import Callable
from copy import deepcopy
from inspect import Parameter, signature
from typing import Any

from mmengine.config import ConfigDict
from mmengine.registry import Registry
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS

from mmseg_classmix.deploy.evaluation_data import type_name
from mmseg_classmix.models import (
    DeepLabResNet,
    DeepLabV2Head,
    EfficientNetLite,
)

PACKAGE = __name__.partition('.')[0]
# Weights come from the checkpoint; on one device a norm is an ordinary one.
SYNCHRONIZED = ('SyncBN', 'MMSyncBN')


def is_ours(name: str, registry: Registry) -> bool:
    """Say whether a type comes from this package."""
    kind = registry.get(name)
    return getattr(kind, '__module__', '').partition('.')[0] == PACKAGE


def stock_model(cfg: ConfigDict) -> tuple[dict, list[str]]:
    """Translate the config of a segmentor, and drop what trains it.

    Args:
        cfg: Config of an mmseg segmentor; it may have types of this package.

    Returns:
        The config, and which of ``export/modules`` it needs.

    Raises:
        ValueError: If a type of this package has no counterpart.
    """
    model = deepcopy(cfg)
    for key in ('train_cfg', 'pretrained', 'init_cfg'):
        model.pop(key, None)
    kind = MODELS.get(type_name(model))
    if isinstance(kind, type) and issubclass(kind, EncoderDecoder):
        model.pop('auxiliary_head', None)
    modules = []
    return _translate(model, 'model', modules), modules


def _translate(value: Any, place: str, modules: list[str]) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(
            _translate(item, f'{place}[{i}]', modules)
            for i, item in enumerate(value)
        )
    if not isinstance(value, dict):
        return value
    cfg = {
        key: _translate(item, f'{place}.{key}', modules)
        for key, item in value.items()
        if not (key == 'pretrained' or _is_pretrained(item))
    }
    if 'type' not in cfg:
        return cfg
    name = cfg['type'] = type_name(cfg)
    if name in SYNCHRONIZED:
        cfg['type'] = 'BN'
    elif name in TRANSLATIONS:
        translate, module = TRANSLATIONS[name]
        cfg = translate(cfg)
        if module and module not in modules:
            modules.append(module)
    elif is_ours(name, MODELS):
        raise ValueError(
            f'{place}: mmseg has nothing like {name} of mmseg_classmix; only '
            f'{", ".join(TRANSLATIONS)} can be exported. Use the checkpoint '
            'with mmseg_classmix installed'
        )
    return cfg


def _is_pretrained(value: Any) -> bool:
    return isinstance(value, dict) and value.get('type') == 'Pretrained'


def _loss(cfg: dict) -> dict:
    # mmseg 1.2.2 cannot weigh classes where pixels are ignored.
    cfg = {key: cfg[key] for key in cfg if key != 'class_weight'}
    return dict(cfg, type='CrossEntropyLoss', avg_non_ignore=True)


def _backbone(cfg: dict) -> dict:
    cfg = {**_defaults(DeepLabResNet), **cfg, 'type': 'CeilPoolResNet'}
    cfg.pop('freeze_norm_affine')
    return cfg


def _head(cfg: dict) -> dict:
    cfg = {**_defaults(DeepLabV2Head), **cfg, 'type': 'DilationSumHead'}
    cfg.pop('init_cfg', None)
    # The base class asks for them.
    cfg.update(channels=cfg['num_classes'], dropout_ratio=0)
    return cfg


def _lite(cfg: dict) -> dict:
    cfg = {**_defaults(EfficientNetLite), **cfg, 'type': 'LiteStages'}
    cfg.pop('norm_eval')
    return cfg


def _defaults(kind: type) -> dict[str, Any]:
    return {
        name: parameter.default
        for name, parameter in signature(kind).parameters.items()
        if parameter.default is not Parameter.empty
    }


#: Type of this package: its translation, and the module that this needs.
TRANSLATIONS: dict[str, tuple[Callable[[dict], dict], str | None]] = {
    'GlobalCrossEntropyLoss': (_loss, None),
    'DeepLabResNet': (_backbone, 'ceil_pool_resnet'),
    'DeepLabV2Head': (_head, 'dilation_sum_head'),
    'EfficientNetLite': (_lite, 'lite_stages'),
}
