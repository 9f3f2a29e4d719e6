"""Activation checkpointing: compute again what would be kept in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from fnmatch import fnmatchcase
from functools import wraps

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def checkpoint_modules(network: nn.Module, pattern: str) -> list[str]:
    """Let modules compute their forward pass again for the backward pass.

    Losses, gradients and the running statistics of batch norms stay the same.
    mmengine's ``activation_checkpointing`` and ``with_cp`` of mmseg's
    backbones count every batch twice in those statistics, and their reentrant
    kind fails under DDP, where the student runs twice an iteration.

    Args:
        network: A segmentor.
        pattern: Names of its modules with * and ?; what lies within a matching
            module is recomputed with it.

    Returns:
        Names of the modules.

    Raises:
        ValueError: If there is none.
    """
    names = []
    for name, module in network.named_modules():
        inside = any(name.startswith(f'{outer}.') for outer in names)
        # The network itself has no name.
        if inside or not name or not fnmatchcase(name, pattern):
            continue
        # Containers such as ModuleList are not called themselves.
        if type(module).forward is not nn.Module.forward:
            module.forward = _checkpointed(module, module.forward)
            names.append(name)
    if not names:
        some = [name for name, _ in network.backbone.named_children()]
        raise ValueError(
            f'checkpointing={pattern!r} is the name of no module of '
            f'{type(network).__name__}; its backbone has '
            f'{", ".join(f"backbone.{name}" for name in some)}. '
            "'backbone.layer?.*' are the blocks of a ResNet"
        )
    return names


def _checkpointed(module: nn.Module, forward: Callable) -> Callable:
    def contexts():
        return nullcontext(), _buffers_kept(module)

    @wraps(forward)
    def run(*args, **kwargs):
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        return checkpoint(
            forward, *args, use_reentrant=False, context_fn=contexts, **kwargs
        )

    return run


@contextmanager
def _buffers_kept(module: nn.Module) -> Iterator[None]:
    """Let a forward pass change copies of the buffers."""
    originals = [
        (owner, name, buffer)
        for owner in module.modules()
        for name, buffer in owner.named_buffers(recurse=False)
    ]
    try:
        for owner, name, buffer in originals:
            setattr(owner, name, buffer.clone())
        yield
    finally:
        for owner, name, buffer in originals:
            setattr(owner, name, buffer)
