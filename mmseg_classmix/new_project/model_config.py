"""The model of a config, with the classes and weights of somebody else."""

import os.path as osp
import warnings
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import mmseg
import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import PretrainedInit
from mmengine.registry import DefaultScope
from mmengine.utils import import_modules_from_strings
from mmseg.registry import MODELS
from torch import nn

from mmseg_classmix.models.segmentors.supported import (
    OTHER_PREDICTIONS,
    check_segmentor,
)

HEADS = ('decode_head', 'auxiliary_head')


class UnfitNetwork(ValueError):
    """A network that cannot be trained here."""

    def __init__(
        self, what: str, way_out: str = 'name the config of another network'
    ) -> None:
        super().__init__(what)
        self.way_out = way_out


def find_config(configs: Path, name: str) -> str:
    """Find a config by its path, or below our configs or mmseg's."""
    theirs = Path(mmseg.__file__).parent / '.mim' / 'configs'
    for folder in (Path.cwd(), configs, theirs):
        if (folder / name).is_file():
            return str((folder / name).resolve())
    raise FileNotFoundError(
        f'no config {name} here, in {configs} or in {theirs}'
    )


def read_config(path: str) -> Config:
    """Read a config, and import what it says."""
    try:
        cfg = Config.fromfile(path, import_custom_modules=False)
    # A config is code, which may raise anything.
    except Exception as error:
        raise UnfitNetwork(
            f'{path} cannot be read: {type(error).__name__}: {error}'
        ) from error
    # No package would help to train these.
    model = cfg.get('model') or {}
    head = (as_list(model.get('decode_head')) or [{}])[-1].get('type')
    name = getattr(head, '__name__', str(head)).rpartition('.')[2]
    if name in OTHER_PREDICTIONS:
        raise UnfitNetwork(
            f'{path}: its {name} does not predict logits for every pixel, '
            f'but {OTHER_PREDICTIONS[name]} (docs/other_models.md)'
        )
    imports = custom_imports(cfg)
    try:
        import_modules_from_strings(imports)
    # Nor does a module have to be right.
    except Exception as error:
        raise UnfitNetwork(
            f'{path} needs {", ".join(imports)} (custom_imports), which '
            f'cannot be imported: {error}',
            'install the package, such as mim install mmpretrain for '
            'mmpretrain.models, or name the config of another network',
        ) from error
    return cfg


def custom_imports(cfg: Config) -> list[str]:
    """Names of the modules that a config imports beside ours."""
    names = cfg.get('custom_imports', {}).get('imports', [])
    names = [names] if isinstance(names, str) else names
    return [name for name in names if name != 'mmseg_classmix']


def model_of(path: str, cfg: Config) -> ConfigDict:
    """Take the segmentor and its preprocessor out of a config."""
    model = cfg.get('model')
    if model is None:
        raise UnfitNetwork(f'{path} has no model')
    model = model.get('segmentor', model)
    common = model.get('data_preprocessor') or cfg.get('data_preprocessor')
    if common is None:
        raise UnfitNetwork(
            f'{path} has no data_preprocessor',
            "add data_preprocessor=dict(type='SegDataPreProcessor', mean="
            '..., std=..., bgr_to_rgb=..., pad_val=0, seg_pad_val=255), with '
            'the numbers that its weights were trained with',
        )
    model.data_preprocessor = common
    return model


def set_classes(path: str, model: ConfigDict, num_classes: int) -> None:
    """Change the number of classes in all heads of a model."""
    last = as_list(model.get('decode_head'))[-1:]
    before = [p.num_classes for p in _parts(last) if 'num_classes' in p]
    if not before:
        raise UnfitNetwork(f'{path} has no decode_head with num_classes')
    for part in _parts([model.get(key) for key in HEADS]):
        # Others, such as those of boundaries, have classes of their own.
        if part.get('num_classes') == before[0]:
            part.num_classes = num_classes
            if part.get('out_channels') in (1, before[0]):
                part.pop('out_channels')
            for inner in _parts(as_list(part.get('loss_decode'))):
                inner.pop('class_weight', None)


def build(path: str, model: ConfigDict, num_classes: int) -> nn.Module:
    """Build a network once, without memory for its weights if possible."""
    for device in ('meta', 'cpu'):
        try:
            scope = DefaultScope.overwrite_default_scope('mmseg')
            with torch.device(device), scope, warnings.catch_warnings():
                warnings.simplefilter('ignore')
                network = MODELS.build(deepcopy(model))
            break
        # Whatever a constructor raises; on 'meta', no number can be read.
        except Exception as error:
            failure = error
    else:
        raise UnfitNetwork(
            f'the network of {path} cannot be built: '
            f'{type(failure).__name__}: {failure}',
            'correct that, such as by installing what is missing, or name '
            'the config of another network',
        ) from failure
    try:
        check_segmentor(network)
    except ValueError as error:
        raise UnfitNetwork(f'{path}: {error}') from error
    if network.num_classes != num_classes:
        raise UnfitNetwork(
            f'{path}: the decode_head has {network.num_classes} classes '
            f'whatever its num_classes={num_classes}'
        )
    return network


def as_list(value: dict | list | None) -> list[dict]:
    """Make a list of one config, several or none."""
    return value if isinstance(value, list) else [value] if value else []


def _parts(part: object) -> Iterator[ConfigDict]:
    """List all dicts in a config, the outer ones first."""
    if isinstance(part, dict):
        yield part
        part = part.values()
    elif not isinstance(part, (list, tuple)):
        return
    for inner in part:
        yield from _parts(inner)


class Weights(NamedTuple):
    """A place in a model that names weights.

    ``owner`` loses its ``entry`` if they are not wanted; ``config`` has their
    path or address as ``key``.
    """

    place: str
    owner: dict
    entry: str
    config: dict
    key: str

    @property
    def address(self) -> str:
        """Path or address of the weights."""
        return self.config[self.key]

    @property
    def of_backbone(self) -> bool:
        """Whether a backbone starts from them."""
        return self.place.startswith(('backbone.', 'pretrained'))


def find_weights(part: object, place: str = '') -> Iterator[Weights]:
    """List all weights that a part of a model, at a place, starts from."""
    if isinstance(part, (list, tuple)):
        for i, inner in enumerate(part):
            yield from find_weights(inner, f'{place}{i}.')
    if not isinstance(part, dict):
        return
    if isinstance(part.get('pretrained'), str):
        key = 'pretrained'
        yield Weights(place + key, part, key, part, key)
    for start in as_list(part.get('init_cfg')):
        if start.get('type') in ('Pretrained', PretrainedInit):
            name = f'{place}init_cfg.checkpoint'
            yield Weights(name, part, 'init_cfg', start, 'checkpoint')
    for key, inner in part.items():
        if key != 'init_cfg':
            yield from find_weights(inner, f'{place}{key}.')


def start_from(model: dict, pretrained: str | None, init: str | None) -> None:
    """Put weights where a model wants them.

    ``pretrained`` replaces those of the backbone; ``init``, a checkpoint of
    the whole network, leaves no use for any.
    """
    found = list(find_weights(model))
    if init:
        for weights in found:
            weights.owner[weights.entry] = None
    if not pretrained:
        return
    found = [weights for weights in found if weights.of_backbone]
    if len(found) > 1:
        places = ' and model.'.join(weights.place for weights in found)
        raise UnfitNetwork(
            f'the backbone starts from several weights, model.{places}',
            'leave --pretrained out, and give a config with your files there',
        )
    if found and not init:
        found[0].config[found[0].key] = pretrained
        return
    backbone = model['backbone']
    while isinstance(backbone.get('backbone_cfg'), dict):
        backbone = backbone['backbone_cfg']
    backbone['init_cfg'] = dict(type='Pretrained', checkpoint=pretrained)


def remark_on_weights(model: dict) -> list[str]:
    """Say what will be downloaded, and refuse files that are not there."""
    found = list(find_weights(model))
    missing = [
        f'{weights.address} (model.{weights.place})'
        for weights in found
        if '://' not in weights.address
        and not osp.isfile(osp.expanduser(weights.address))
    ]
    if missing:
        raise UnfitNetwork(
            f'no pretrained weights in {", ".join(missing)}',
            'put them there (docs/pretrained_weights.md), give the weights '
            'of the backbone with --pretrained FILE, or a checkpoint of the '
            'network with --init CHECKPOINT',
        )
    way_out = ', unless --pretrained FILE replaces it'
    return [
        f'training starts with a download of {weights.address}'
        f'{way_out if weights.of_backbone else ""}'
        for weights in found
        if '://' in weights.address
    ]
