"""The network of a config, with the classes of somebody else."""

import warnings
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import mmseg
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmengine.utils import import_modules_from_strings
from mmseg.registry import MODELS
from torch import nn

from mmseg_classmix.models.segmentors.supported import (
    OTHER_PREDICTIONS,
    check_segmentor,
)
from mmseg_classmix.new_project.unfit import UnfitNetwork

HEADS = ('decode_head', 'auxiliary_head')


def find_config(configs: Path, name: str) -> str:
    """Find a config by its path, or below our configs or mmseg's.

    Args:
        configs: Folder of our configs.
        name: Such as '_base_/models/pspnet_r50-d8.py'.

    Raises:
        FileNotFoundError: If there is none.
    """
    theirs = Path(mmseg.__file__).parent / '.mim' / 'configs'
    for folder in (Path.cwd(), configs, theirs):
        if (folder / name).is_file():
            return str((folder / name).resolve())
    raise FileNotFoundError(
        f'no config {name} here, in {configs} or in {theirs}'
    )


def read_config(path: str) -> Config:
    """Read a config, and import what it says.

    Args:
        path: Path of the config.

    Raises:
        UnfitNetwork: If that fails.
    """
    try:
        cfg = Config.fromfile(path, import_custom_modules=False)
    # A config is code, which may raise anything.
    except Exception as error:
        raise UnfitNetwork(
            f'{path} cannot be read: {type(error).__name__}: {error}'
        ) from error
    _check_kind(path, cfg.get('model') or {})
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


def _check_kind(path: str, model: dict) -> None:
    """Refuse what no package would help to train."""
    head = (as_list(model.get('decode_head')) or [{}])[-1].get('type')
    name = getattr(head, '__name__', str(head)).rpartition('.')[2]
    if name in OTHER_PREDICTIONS:
        raise UnfitNetwork(
            f'{path}: its {name} does not predict logits for every pixel, '
            f'but {OTHER_PREDICTIONS[name]} (docs/other_models.md)'
        )


def model_of(path: str, cfg: Config) -> ConfigDict:
    """Take the segmentor and its preprocessor out of a config.

    Args:
        path: Path of the config.
        cfg: What is in it.

    Raises:
        UnfitNetwork: If one of them is missing.
    """
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
    """Change the number of classes in all heads.

    Args:
        path: Path of the config.
        model: Config of a segmentor, which changes.
        num_classes: Number of classes.

    Raises:
        UnfitNetwork: If no decode head has a number of classes.
    """
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
    """Build a network once, without memory for its weights if possible.

    Args:
        path: Path of the config.
        model: Config of a segmentor.
        num_classes: Number of classes it should have.

    Returns:
        The network, which cannot compute anything.

    Raises:
        UnfitNetwork: If it cannot be built, or not be trained by ClassMix.
    """
    for device in ('meta', 'cpu'):
        try:
            network = _build(model, device)
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


def _build(model: ConfigDict, device: str) -> nn.Module:
    scope = DefaultScope.overwrite_default_scope('mmseg')
    with torch.device(device), scope, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return MODELS.build(deepcopy(model))


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
