"""Which network a new project trains, and how it starts."""

import os.path as osp
from dataclasses import dataclass, field
from pathlib import Path

import mmseg
from mmengine.config import Config, ConfigDict

HEADS = ('decode_head', 'auxiliary_head')


@dataclass
class Network:
    """Network, start and optimizer, as a config has them.

    Attributes:
        base: Config with the model, to inherit.
        schedule: Config with the optimizer, to inherit.
        why: A line that says what it is.
        model: Options of the model that differ from ``base``.
        load_from: Checkpoint to start from.
        written: Whole model, if it has to be written as ``base``.
        optim_wrapper: That of the config of the model, if it has one.
        warmup: Scheduler of the first iterations, likewise.
        remarks: What the user should know.
    """

    base: str
    schedule: str
    why: str
    model: dict = field(default_factory=dict)
    load_from: str | None = None
    written: dict | None = None
    optim_wrapper: dict | None = None
    warmup: dict | None = None
    remarks: list[str] = field(default_factory=list)


def default_network(
    configs: Path,
    kind: str,
    pretrained: str | None,
    init: str | None,
) -> Network:
    """DeepLab-v2, small on a CPU, with what weights there are.

    Args:
        configs: Folder of our configs.
        kind: 'CPU' or 'GPU'.
        pretrained: Weights of the backbone, or None.
        init: Checkpoint of a whole network, or None.
    """
    models = configs / '_base_' / 'models'
    if kind == 'CPU' and not pretrained:
        return Network(
            str(models / 'deeplabv2_r18-d16.py'),
            _schedule(configs, 'sgd_3k' if init is None else 'sgd_40k'),
            'a small network, which a CPU can train from scratch',
            load_from=init,
        )
    name = 'r50' if kind == 'GPU' else 'r18'
    base = models / f'deeplabv2_{name}-d8.py'
    usual = Config.fromfile(base).model.backbone.init_cfg.checkpoint
    if pretrained is None and init is None and osp.isfile(usual):
        pretrained = usual
    network = Network(
        str(base),
        _schedule(configs, 'sgd_40k'),
        f'DeepLab-v2 with a ResNet-{name[1:]}, as in the paper but smaller',
        load_from=init,
    )
    if pretrained:
        network.model['backbone'] = dict(init_cfg=dict(checkpoint=pretrained))
        return network
    # Nothing that is random may stay as it is.
    network.model['backbone'] = dict(init_cfg=None, freeze_norm_affine=False)
    if init is None:
        network.schedule = _schedule(configs, 'sgd_3k')
        network.remarks.append(
            f'no pretrained weights in {osp.normpath(usual)}: the network '
            'starts from scratch, which costs a lot of accuracy. '
            'docs/pretrained_weights.md says how to get them; then run this '
            'command again with --pretrained FILE'
        )
    return network


def network_of(
    configs: Path,
    path: str,
    num_classes: int,
    pretrained: str | None,
    init: str | None,
) -> Network:
    """Take the network of a config of mmseg or of ours.

    Args:
        configs: Folder of our configs.
        path: What :func:`find_config` returns.
        num_classes: Number of classes, which all heads get.
        pretrained: Weights of the backbone, or None for those of the config.
        init: Checkpoint of a whole network, or None.

    Raises:
        ValueError: If the config has no model.
    """
    cfg = Config.fromfile(path)
    model = cfg.get('model')
    if model is None:
        raise ValueError(f'{path} has no model: name the config of a network')
    model = model.get('segmentor', model)
    model.setdefault('data_preprocessor', cfg.data_preprocessor)
    heads = [h for key in HEADS for h in _as_list(model.get(key))]
    # Others, such as those of boundaries, have classes of their own.
    before = _as_list(model.decode_head)[-1].num_classes
    for head in heads:
        if head.num_classes == before:
            _set_classes(head, num_classes)
    # A window fits the images it was chosen for.
    model.test_cfg = dict(mode='whole')
    if pretrained:
        model.pretrained = None
        model.backbone.init_cfg = dict(
            type='Pretrained', checkpoint=pretrained
        )
    network = Network(
        '{{ fileDirname }}/model.py',
        _schedule(configs, 'sgd_3k'),
        f'the network of {path}',
        load_from=init,
        written=model.to_dict(),
        optim_wrapper=cfg.get('optim_wrapper'),
        warmup=_warmup(cfg),
    )
    # Networks that halve the size five times need it in validation.
    network.model['data_preprocessor'] = dict(test_cfg=dict(size_divisor=32))
    if network.optim_wrapper is None:
        network.remarks.append(
            f'{path} has no optim_wrapper: SGD with lr=0.01 is proposed, '
            'which transformers do not learn with'
        )
    if weights := _downloads(model):
        network.remarks.append(
            f'training starts with a download of {weights}, unless '
            '--pretrained FILE replaces it'
        )
    return network


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


def _schedule(configs: Path, name: str) -> str:
    return str(configs / '_base_' / 'schedules' / f'{name}.py')


def _as_list(value: dict | list | None) -> list[dict]:
    return value if isinstance(value, list) else [value] if value else []


def _set_classes(head: dict, num_classes: int) -> None:
    head.num_classes = num_classes
    head.pop('out_channels', None)
    for loss in _as_list(head.get('loss_decode')):
        loss.pop('class_weight', None)


def _warmup(cfg: Config) -> dict | None:
    for step in _as_list(cfg.get('param_scheduler')):
        if step.type == 'LinearLR' and not step.get('by_epoch', True):
            return step.to_dict()
    return None


def _downloads(model: ConfigDict) -> str:
    """Address of pretrained weights, or ''."""
    starts = _as_list(model.get('backbone', {}).get('init_cfg'))
    weights = [model.get('pretrained'), *(s.get('checkpoint') for s in starts)]
    return next((w for w in weights if w and '://' in w), '')
