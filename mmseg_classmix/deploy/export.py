"""A trained network as a config and weights for stock mmseg."""

import os
from copy import deepcopy
from inspect import Parameter, signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from torch import nn

from mmseg_classmix.checkpoints import write_weights
from mmseg_classmix.deploy.evaluation_data import dataset_meta, type_name
from mmseg_classmix.deploy.stock_config import config_text, stock_sections
from mmseg_classmix.deploy.trained_network import TrainedNetwork
from mmseg_classmix.version import __version__

CONFIG, WEIGHTS = 'config.py', 'weights.pth'
# Weights come from the checkpoint; on one device a norm is an ordinary one.
SYNCHRONIZED = ('SyncBN', 'MMSyncBN')
#: Networks of this package whose base class computes the same, and those of
#: their arguments that it does not have.
ONLY_TRAINING = dict(
    DeepLabResNet=['freeze_norm_affine'],
    DeepLabV2Head=[],
    EfficientNetLite=['norm_eval'],
)


def export_segmentor(
    cfg: Config, network: TrainedNetwork, source: str, out: Path
) -> nn.Module:
    """Write ``config.py`` and ``weights.pth``, and read them back.

    ``cfg`` is of the training and ``source`` its checkpoint, which the config
    names. The network that was read, with its ``dataset_meta``, is returned,
    if it computes the same as the trained one.
    """
    trained = network.build()
    meta = dataset_meta(cfg, trained.num_classes)
    model, classes = stock_model(network.cfg)
    sections = stock_sections(cfg, model)
    text = config_text(sections, classes, _header(cfg, network, source))
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out, prefix='.export_') as folder:
        folder = Path(folder)
        exported = _write(folder, text, network, source, meta)
        _compare(trained, exported, network.cfg)
        for name in (CONFIG, WEIGHTS):
            os.replace(folder / name, out / name)
    return exported


def stock_model(cfg: ConfigDict) -> tuple[dict, list[type]]:
    """Translate the config of a segmentor, and drop what trains it.

    With it come the classes that it names and mmseg lacks.
    """
    model = deepcopy(cfg)
    for key in ('train_cfg', 'pretrained', 'init_cfg'):
        model.pop(key, None)
    kind = MODELS.get(type_name(model))
    if isinstance(kind, type) and issubclass(kind, EncoderDecoder):
        model.pop('auxiliary_head', None)
    classes = []
    return _translate(model, classes), classes


def _translate(value: Any, classes: list[type]) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_translate(item, classes) for item in value)
    if not isinstance(value, dict):
        return value
    cfg = {
        key: _translate(item, classes)
        for key, item in value.items()
        if key != 'pretrained'
        and not (isinstance(item, dict) and item.get('type') == 'Pretrained')
    }
    if 'type' not in cfg:
        return cfg
    name = cfg['type'] = type_name(cfg)
    if name in SYNCHRONIZED:
        cfg['type'] = 'BN'
    elif name == 'GlobalCrossEntropyLoss':
        # mmseg 1.2.2 cannot weigh classes where pixels are ignored.
        cfg.pop('class_weight', None)
        cfg.update(type='CrossEntropyLoss', avg_non_ignore=True)
    elif name in ONLY_TRAINING:
        kind = MODELS.get(name)
        base = kind.__base__
        defaults = {
            key: parameter.default
            for key, parameter in signature(kind).parameters.items()
            if parameter.default is not Parameter.empty
        }
        cfg = {**defaults, **cfg, 'type': base.__name__}
        for key in ONLY_TRAINING[name]:
            cfg.pop(key)
        classes += [] if base in classes else [base]
    return cfg


def _write(
    folder: Path, config: str, network: TrainedNetwork, source: str, meta: dict
) -> nn.Module:
    (folder / CONFIG).write_text(config, 'utf-8')
    exported = MODELS.build(Config.fromfile(folder / CONFIG).model)
    state = {
        key: network.state_dict[key].clone()
        for key in exported.state_dict()
        if key in network.state_dict
    }
    about = dict(
        dataset_meta={key: meta[key] for key in ('classes', 'palette')},
        source=Path(source).name,
        network=network.name,
        iter=network.meta.get('iter'),
        mmseg_classmix=__version__,
    )
    write_weights(folder / WEIGHTS, state, about)
    content = torch.load(folder / WEIGHTS, weights_only=True)
    exported.load_state_dict(content['state_dict'], strict=False)
    exported.dataset_meta = content['meta']['dataset_meta']
    return exported.eval()


def _header(cfg: Config, network: TrainedNetwork, source: str) -> list[str]:
    name = f'The {network.name}' if network.name else 'The network'
    iteration = network.meta.get('iter')
    when = f' after {iteration} iterations' if iteration else ''
    lines = [
        f'{name}{when} of {source}, trained with {cfg.filename}; exported by '
        f'mmseg_classmix {__version__}, which is not needed to run it:',
        f"    MMSegInferencer(model='{CONFIG}', weights='{WEIGHTS}')",
        "To evaluate it with mmseg's tools/test.py, set data_root of "
        'test_dataloader to where the data are. Give it another --work-dir '
        'than this folder: mmengine writes its own config.py there.',
    ]
    test_data = str(cfg.get('test_dataloader'))
    if 'LabeledDataset' in test_data:
        lines.append(
            'BaseSegDataset takes images of one suffix, which it adds to the '
            'names in ann_file, and masks whose values are the numbers of '
            'the classes: where yours are others, make copies of them to be '
            'tested on, and a list of names without suffix.'
        )
    if 'EvaluateAt' in test_data:
        lines.append(
            'EvaluateAt is left out: masks have the size of the image, and '
            'mIoU is measured at that of its mask.'
        )
    return lines


@torch.no_grad()
def _compare(trained: nn.Module, exported: nn.Module, cfg: dict) -> None:
    size = (cfg.get('data_preprocessor') or {}).get('size') or (128, 160)
    # Enough to see a difference, on a CPU too.
    size = tuple(min(n, 192) for n in size)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn((1, 3, *size), generator=generator)
    metas = [dict(img_shape=size)]
    first = trained.encode_decode(image, metas)
    second = exported.encode_decode(image, metas)
    if not torch.equal(first, second):
        raise RuntimeError(
            'the exported network computes other logits (up to '
            f'{(first - second).abs().max():.3g}): do not use it, and report '
            'the config'
        )
