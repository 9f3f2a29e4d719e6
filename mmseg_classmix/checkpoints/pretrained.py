"""Pretrained weights that are there and fit, or an error."""

import os.path as osp
import shlex

from mmengine.model import BaseModule, PretrainedInit
from mmengine.runner import CheckpointLoader

from mmseg_classmix.checkpoints.compare import compare

#: Command that makes a file, without the file, and where its source is from.
Origin = tuple[str, str]
DEEPLAB: Origin = (
    'python tools/model_converters/deeplab_coco.py SRC',
    'SRC is resnet101COCO-41f33a49.pth for ResNet-101 (its first address is '
    'dead, mirrors exist), or the ResNet-50 or -18 of torchvision',
)


def check_pretrained(
    module: BaseModule, part: str, origin: Origin = DEEPLAB
) -> dict:
    """Refuse pretrained weights that mmengine would load in part or not.

    mmengine leaves what a file lacks at its random start, and says so only
    in the log. A module that is initialized already is not checked.

    Args:
        module: Network whose ``init_cfg`` may have type 'Pretrained'.
        part: Its key in the config, 'backbone' or 'decode_head'.
        origin: How such a file is made.

    Returns:
        ``meta`` of the file, or {} if there is no file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it lacks a tensor of ``module`` or has it in another
            shape.
    """
    if module.is_init or not module.init_cfg:
        return {}
    cfgs = module.init_cfg
    for cfg in [cfgs] if isinstance(cfgs, dict) else cfgs:
        if cfg['type'] in ('Pretrained', PretrainedInit):
            return _check_file(module, part, origin, **cfg)
    return {}


def _check_file(
    module: BaseModule,
    part: str,
    origin: Origin,
    checkpoint: str,
    prefix: str | None = None,
    **_,
) -> dict:
    if '://' not in checkpoint and not osp.isfile(osp.expanduser(checkpoint)):
        raise FileNotFoundError(_missing_message(checkpoint, part, origin))
    # The keys and shapes only: mmengine reads the numbers afterwards.
    content = CheckpointLoader.load_checkpoint(
        checkpoint, map_location='meta', logger='silent'
    )
    state = content.get('state_dict', content)
    misfit = compare(state, module, prefix)
    if misfit:
        raise ValueError(
            f'{checkpoint} ({part}.init_cfg, prefix={prefix!r}) does not fit '
            f'{type(module).__name__}: {misfit}. The file starts with '
            f'{", ".join(list(state)[:2])}. Convert it with "{origin[0]} '
            'DST", give the weights of this network, or start without: '
            f'{_scratch(part)}'
        )
    return content.get('meta', {})


def _scratch(part: str) -> str:
    return (
        f'--cfg-options model.{part}.init_cfg=None '
        f'(model.segmentor.{part}.init_cfg=None for a MeanTeacherSegmentor)'
    )


def _missing_message(checkpoint: str, part: str, origin: Origin) -> str:
    path = osp.abspath(osp.expanduser(checkpoint))
    command, source = origin
    return (
        f'no pretrained weights in {path} ({part}.init_cfg.checkpoint). '
        f'Convert them, once:\n    {command} {shlex.quote(path)}\n'
        f'{source}; docs/pretrained_weights.md says more.\n'
        f'Or start from scratch, explicitly:\n    {_scratch(part)}'
    )
