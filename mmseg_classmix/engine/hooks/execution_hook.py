"""How the networks are executed: faster or in less memory."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from fnmatch import fnmatchcase
from functools import partial, wraps

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmseg_classmix.distributed.model_wrapper import unwrap


@HOOKS.register_module()
class ExecutionHook(Hook):
    """Choose how networks are executed; what they compute stays the same.

    For student and teacher, and for the network of a supervised run. Names of
    parameters, checkpoints and learning rates by ``paramwise_cfg`` do not
    change. What each option gains is in docs/performance.md.

    Args:
        channels_last: Whether weights and features are stored with the
            channels last, which tensor cores want.
        torch_compile: Whether ``torch.compile`` compiles the backbones; a dict
            has arguments for it.
        checkpointing: Names of modules (with * and ?) whose features are
            computed again in the backward pass instead of kept, such as
            'backbone.layer?.*', the blocks of a ResNet.
        separate_backward: Whether the gradients of the supervised loss are
            computed before the mixed images are looked at: the features of
            one half of the batch are kept at a time, not those of both. The
            sum of the gradients stays the same, and so does the work.
        tf32: Whether a GPU may round factors to 10 bits (TensorFloat-32) in
            convolutions and matrix products; None leaves torch's default,
            which does so in convolutions.

    Raises:
        ValueError: If an argument has the wrong type, both ``torch_compile``
            and ``checkpointing`` are set, no module has the name of
            ``checkpointing``, or a supervised run is to separate its loss.
    """

    def __init__(
        self,
        channels_last: bool = False,
        torch_compile: bool | dict = False,
        checkpointing: str | None = None,
        separate_backward: bool = False,
        tf32: bool | None = None,
    ) -> None:
        for name, value, kinds in (
            ('channels_last', channels_last, bool),
            ('torch_compile', torch_compile, (bool, dict)),
            ('checkpointing', checkpointing, (str, type(None))),
            ('separate_backward', separate_backward, bool),
            ('tf32', tf32, (bool, type(None))),
        ):
            if not isinstance(value, kinds):
                raise ValueError(
                    f'ExecutionHook {name}={value!r} '
                    f'(default_hooks.execution) is a {type(value).__name__}'
                )
        if torch_compile is not False and checkpointing is not None:
            raise ValueError(
                'ExecutionHook torch_compile and checkpointing '
                '(default_hooks.execution) exclude each other: a compiled '
                'network that is computed again finds its running statistics '
                'changed by the second forward pass of the student'
            )
        self.channels_last = channels_last
        self.torch_compile = torch_compile
        self.checkpointing = checkpointing
        self.separate_backward = separate_backward
        self.tf32 = tf32

    def before_train(self, runner: Runner) -> None:
        """Prepare the networks."""
        if self.tf32 is not None:
            torch.backends.cuda.matmul.allow_tf32 = self.tf32
            torch.backends.cudnn.allow_tf32 = self.tf32
        if self.channels_last:
            _to_channels_last(runner)
        _align_optimizer(runner.optim_wrapper)
        model = unwrap(runner.model)
        networks = [getattr(model, 'student', model)]
        if self.separate_backward:
            if not hasattr(model, 'early_backward'):
                raise ValueError(
                    'ExecutionHook separate_backward=True '
                    f'(default_hooks.execution): {type(model).__name__} has '
                    'one loss; it is for MeanTeacherSegmentor'
                )
            model.early_backward = partial(_backward, runner.optim_wrapper)
        if self.checkpointing is not None:
            names = _checkpoint_modules(networks[0], self.checkpointing)
            runner.logger.info(
                f'{len(names)} modules are computed again in the backward '
                f'pass: {names[0]} to {names[-1]}'
            )
        if hasattr(model, 'teacher'):
            networks.append(model.teacher)
        if self.torch_compile is not False:
            how = {} if self.torch_compile is True else self.torch_compile
            for network in networks:
                # In place: the names of the parameters stay.
                network.backbone.compile(**how)


def _to_channels_last(runner: Runner) -> None:
    model = unwrap(runner.model)
    model.to(memory_format=torch.channels_last)
    if not is_model_wrapper(runner.model):
        return
    # DDP has planned its messages for the layout before; in the other it
    # would mix up the numbers of a gradient.
    runner.model = None
    gc.collect()
    cfg = runner.cfg.get('model_wrapper_cfg')
    runner.model = runner.wrap_model(cfg, model)


@torch.no_grad()
def _align_optimizer(optim_wrapper: OptimWrapper) -> None:
    """Give what the optimizer keeps for a weight the layout of that weight.

    A checkpoint may have the other layout, and fused optimizers go through
    the memory of both side by side.
    """
    several = isinstance(optim_wrapper, OptimWrapperDict)
    wrappers = optim_wrapper.values() if several else [optim_wrapper]
    for wrapper in wrappers:
        for weight, state in wrapper.optimizer.state.items():
            for name, value in state.items():
                if getattr(value, 'shape', None) == weight.shape:
                    aligned = torch.empty_like(weight, dtype=value.dtype)
                    state[name] = aligned.copy_(value)


def _backward(optim_wrapper: OptimWrapper, loss: Tensor) -> None:
    """Add gradients, which the backward pass of the iteration will add to.

    DDP communicates in the latter, with the sum of both: it does not look at
    gradients before its own forward pass has ended.
    """
    loss = optim_wrapper.scale_loss(loss)
    scaler = getattr(optim_wrapper, 'loss_scaler', None)
    # OptimWrapper.backward would count an iteration.
    loss = loss if scaler is None else scaler.scale(loss)
    with torch.autocast(loss.device.type, enabled=False):
        loss.backward()


def _checkpoint_modules(network: nn.Module, pattern: str) -> list[str]:
    """Let modules compute their forward pass again for the backward pass.

    mmengine's ``activation_checkpointing`` and ``with_cp`` of mmseg's
    backbones count every batch twice in those statistics, and their reentrant
    kind fails under DDP, where the student runs twice an iteration. What lies
    within a matching module is recomputed with it.
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
