"""Do weights fit a network? Names and shapes, also of pretrained files."""

import os.path as osp
import shlex
from dataclasses import dataclass
from typing import Any

from mmengine.model import BaseModule, PretrainedInit
from mmengine.runner import CheckpointLoader
from torch import nn

#: Networks of a mean teacher, which start the names of its tensors.
NETWORKS = ('student', 'teacher')
STARTS = tuple(f'{name}.' for name in NETWORKS)
COMPILED, PARALLEL = '_orig_mod.', 'module.'
Shape = tuple[int, ...]
#: Command that makes a file, without the file, and where its source is from.
Origin = tuple[str, str]
DEEPLAB: Origin = (
    'python tools/model_converters/deeplab_coco.py SRC',
    'SRC is resnet101COCO-41f33a49.pth for ResNet-101 (its first address is '
    'dead, mirrors exist), or the ResNet-50 or -18 of torchvision',
)


@dataclass
class Misfit:
    """What of a state dict does not fit a network."""

    #: Shape found and shape needed of each such tensor; None without one.
    wrong: dict[str, tuple[Shape | None, Shape | None]]
    #: Number of tensors that are compared.
    total: int
    #: Shapes of the whole state dict.
    found: dict[str, Shape]

    def __str__(self) -> str:
        """Say how many tensors are wrong, and what is, of three."""
        some = '; '.join(
            f'{key} is {"missing" if found is None else found}, '
            f'needs {"none" if needed is None else needed}'
            for key, (found, needed) in list(self.wrong.items())[:3]
        )
        return (
            f'{len(self.wrong)} of {self.total} tensors are missing or of '
            f'another shape: {some}'
        )


def compare(
    state: dict[str, Any],
    network: nn.Module,
    prefix: str | None = None,
    exact: bool = False,
) -> Misfit | None:
    """Compare names and shapes, of tensors on any device; None if all fit.

    What a state dict has beyond the network is no misfit, such as a teacher,
    nor is a missing ``num_batches_tracked``: older checkpoints have none. A
    plain state dict is compared with each network of a mean teacher. What is
    no tensor is left out, and ``module.`` is taken off, as mmengine does when
    it loads.

    Args:
        state: A ``state_dict``.
        network: A network, not wrapped.
        prefix: Start of the names that are meant, with or without its dot.
        exact: Whether all tensors count, those of ``state`` too, as they do
            for a run that continues.
    """
    if prefix:
        state = _below(prefix.rstrip('.') + '.', state)
    found, needed = _shapes(state), _shapes(network.state_dict())
    if not exact:
        if is_plain(found) and not is_plain(needed):
            needed = _below(STARTS[0], needed)
        needed = {
            key: shape
            for key, shape in needed.items()
            if not key.endswith('num_batches_tracked')
        }
    names = {**needed, **found} if exact else needed
    wrong = {
        key: (found.get(key), needed.get(key))
        for key in names
        if found.get(key) != needed.get(key)
    }
    return Misfit(wrong, len(names), found) if wrong else None


def is_plain(state: dict[str, Any]) -> bool:
    """Whether a state dict is of one network, not of student and teacher."""
    return not any(key.startswith(STARTS) for key in state)


def without_wrappers(state: dict[str, Any]) -> dict[str, Any]:
    """Take off what compiled and data parallel models add to names."""
    return {
        key.replace(COMPILED, '').removeprefix(PARALLEL): value
        for key, value in state.items()
    }


def _below(start: str, state: dict[str, Any]) -> dict[str, Any]:
    return {
        key.removeprefix(start): value
        for key, value in state.items()
        if key.startswith(start)
    }


def _shapes(state: dict[str, Any]) -> dict[str, Shape]:
    return {
        key.removeprefix(PARALLEL): tuple(value.shape)
        for key, value in state.items()
        if hasattr(value, 'shape')
    }


def check_pretrained(
    module: BaseModule, part: str, origin: Origin = DEEPLAB
) -> dict:
    """Refuse pretrained weights that mmengine would load in part or not.

    mmengine leaves what a file lacks at its random start, and says so only
    in the log. A module that is initialized already is not checked. ``part``
    is its key in the config, 'backbone' or 'decode_head'. Returns ``meta`` of
    the file, or {} if none is configured.
    """
    if module.is_init or not module.init_cfg:
        return {}
    cfgs = module.init_cfg
    cfgs = [cfgs] if isinstance(cfgs, dict) else cfgs
    kinds = ('Pretrained', PretrainedInit)
    cfg = next((cfg for cfg in cfgs if cfg['type'] in kinds), None)
    if cfg is None:
        return {}
    checkpoint, prefix = cfg['checkpoint'], cfg.get('prefix')
    scratch = (
        f'--cfg-options model.{part}.init_cfg=None '
        f'(model.segmentor.{part}.init_cfg=None for a MeanTeacherSegmentor)'
    )
    command, source = origin
    path = osp.abspath(osp.expanduser(checkpoint))
    if '://' not in checkpoint and not osp.isfile(path):
        raise FileNotFoundError(
            f'no pretrained weights in {path} ({part}.init_cfg.checkpoint). '
            f'Convert them, once:\n    {command} {shlex.quote(path)}\n'
            f'{source}; docs/pretrained_weights.md says more.\n'
            f'Or start from scratch, explicitly:\n    {scratch}'
        )
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
            f'{", ".join(list(state)[:2])}. Convert it with "{command} DST", '
            f'give the weights of this network, or start without: {scratch}'
        )
    return content.get('meta', {})
