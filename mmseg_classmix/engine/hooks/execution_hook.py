"""How the networks are executed: faster or in less memory."""

import gc

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from mmseg_classmix.utils.activation_checkpointing import checkpoint_modules
from mmseg_classmix.utils.unwrap import unwrap


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
        tf32: Whether a GPU may round factors to 10 bits (TensorFloat-32) in
            convolutions and matrix products; None leaves torch's default,
            which does so in convolutions.

    Raises:
        ValueError: If an argument has the wrong type, or both
            ``torch_compile`` and ``checkpointing`` are set.
    """

    def __init__(
        self,
        channels_last: bool = False,
        torch_compile: bool | dict = False,
        checkpointing: str | None = None,
        tf32: bool | None = None,
    ) -> None:
        for name, value, kinds in (
            ('channels_last', channels_last, bool),
            ('torch_compile', torch_compile, (bool, dict)),
            ('checkpointing', checkpointing, (str, type(None))),
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
        self.tf32 = tf32

    def before_train(self, runner: Runner) -> None:
        """Prepare the networks.

        Raises:
            ValueError: If no module has the name that ``checkpointing`` says.
        """
        if self.tf32 is not None:
            torch.backends.cuda.matmul.allow_tf32 = self.tf32
            torch.backends.cudnn.allow_tf32 = self.tf32
        if self.channels_last:
            _to_channels_last(runner)
        _align_optimizer(runner.optim_wrapper)
        model = unwrap(runner.model)
        networks = [getattr(model, 'student', model)]
        if self.checkpointing is not None:
            names = checkpoint_modules(networks[0], self.checkpointing)
            runner.logger.info(
                f'{len(names)} modules are computed again in the backward '
                f'pass: {names[0]} to {names[-1]}'
            )
        if hasattr(model, 'teacher'):
            networks.append(model.teacher)
        if self.torch_compile is not False:
            how = self.torch_compile
            for network in networks:
                # In place: the names of the parameters stay.
                network.backbone.compile(**({} if how is True else how))


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
    for optimizer in _optimizers(optim_wrapper):
        for weight, state in optimizer.state.items():
            for name, value in state.items():
                if getattr(value, 'shape', None) == weight.shape:
                    aligned = torch.empty_like(weight, dtype=value.dtype)
                    state[name] = aligned.copy_(value)


def _optimizers(optim_wrapper: OptimWrapper) -> list[torch.optim.Optimizer]:
    several = isinstance(optim_wrapper, OptimWrapperDict)
    wrappers = optim_wrapper.values() if several else [optim_wrapper]
    return [wrapper.optimizer for wrapper in wrappers]
