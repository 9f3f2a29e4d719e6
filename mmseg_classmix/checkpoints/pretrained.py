"""Pretrained weights that are there and fit, or an error."""

import os.path as osp
import shlex

from mmengine.model import BaseModule, PretrainedInit
from mmengine.runner import CheckpointLoader

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
    # Without a prefix, mmengine takes off that of a data parallel wrapper.
    start = prefix.rstrip('.') + '.' if prefix else ''
    found = {
        key[len(start) :] if prefix else key.removeprefix('module.'): value
        for key, value in state.items()
        if key.startswith(start)
    }
    needed = {
        key: tuple(value.shape)
        for key, value in module.state_dict().items()
        if not key.endswith('num_batches_tracked')
    }
    wrong = {
        key: f'{key}: {_shape(found.get(key))}, needs {shape}'
        for key, shape in needed.items()
        if _shape(found.get(key)) != shape
    }
    if wrong:
        some = '; '.join(list(wrong.values())[:3])
        raise ValueError(
            f'{checkpoint} ({part}.init_cfg, prefix={prefix!r}) does not fit '
            f'{type(module).__name__}: {len(wrong)} of {len(needed)} tensors '
            f'are missing or of another shape, such as {some}. The file '
            f'starts with {", ".join(list(state)[:2])!s}. Convert it with '
            f'"{origin[0]} DST", give the weights of this network, or start '
            f'without: {_scratch(part)}'
        )
    return content.get('meta', {})


def _shape(tensor) -> tuple[int, ...] | str:
    return 'missing' if tensor is None else tuple(tensor.shape)


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
