"""The teacher follows the student."""

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_classmix.distributed.model_wrapper import unwrap
from mmseg_classmix.engine.optimizers import (
    StepWatch,
    accumulative_counts,
)


@HOOKS.register_module()
class MeanTeacherHook(Hook):
    """Move the teacher after every optimizer step.

    teacher = (1 - m) teacher + m student, with
    m = max(momentum, 1 / (i + 1)) at the i-th optimizer step during warm-up:
    step 0 copies the student (paper, section 3.2; the warm-up is that of the
    published code). i counts the steps that were made, without those that a
    gradient scaler leaves out, and is kept in checkpoints. A run that starts
    from a checkpoint with a teacher (``load_from``) has no warm-up: it would
    replace that teacher.

    Args:
        momentum: m after the warm-up, in [0, 1].
        warmup: Whether to start with large m.
        buffers: What happens to the running statistics of batch norms: None
            leaves those of the teacher's own forward passes, 'average' treats
            them like parameters, 'copy' takes the student's. Needed by
            ``teacher_norm_eval``. State of other modules, such as the bases
            of EMANet, is always copied.

    Raises:
        ValueError: If an argument is out of range.
    """

    #: A hook of your own that moves the teacher has it, too.
    moves_teacher = True

    def __init__(
        self,
        momentum: float = 0.01,
        warmup: bool = True,
        buffers: str | None = None,
    ) -> None:
        number = isinstance(momentum, (int, float))
        if not number or not 0 <= momentum <= 1:
            raise ValueError(
                f'MeanTeacherHook momentum={momentum!r} is outside [0, 1] '
                '(custom_hooks)'
            )
        if buffers not in (None, 'average', 'copy'):
            raise ValueError(
                f'MeanTeacherHook buffers={buffers!r} must be None, '
                "'average' or 'copy' (custom_hooks)"
            )
        self.momentum = momentum
        self.warmup = warmup
        self.buffers = buffers

    def before_train(self, runner: Runner) -> None:
        """Collect the tensors of both networks."""
        model = unwrap(runner.model)
        self._update = TeacherUpdate(
            model.student, model.teacher, self.buffers
        )
        model.teacher_updates = True
        self._watch = StepWatch(runner.optim_wrapper.optimizer)
        # The log of a run is in its checkpoints: a resume finds both.
        hub = runner.message_hub
        if runner.iter == 0:
            warmup = self.warmup and not model.teacher_loaded
            hub.update_info('ema_warmup', warmup)
        if runner.iter == 0 or hub.get_info('ema_steps') is None:
            # Earlier checkpoints have the number of skipped steps instead.
            steps = runner.iter // accumulative_counts(runner)
            hub.update_info(
                'ema_steps', steps - hub.get_info('skipped_steps', 0)
            )

    def after_train(self, runner: Runner) -> None:
        """Watch the optimizer no longer."""
        self._watch.close()

    def after_train_iter(self, runner: Runner, *_, **__) -> None:
        """Update the teacher if this iteration made an optimizer step."""
        if not self._watch.stepped():
            return
        hub = runner.message_hub
        step = hub.get_info('ema_steps')
        momentum = self.momentum
        if hub.get_info('ema_warmup', self.warmup):
            momentum = max(momentum, 1 / (step + 1))
        self._update(momentum)
        hub.update_info('ema_steps', step + 1)
        hub.update_scalar('train/ema_momentum', momentum)


class TeacherUpdate:
    """Move a teacher towards its student, in place.

    The tensors are collected once: on a GPU that takes longer than moving
    them. Of buffers, integers are copied by 'average' and 'copy'.
    """

    def __init__(
        self, student: nn.Module, teacher: nn.Module, buffers: str | None
    ) -> None:
        self._averaged = list(teacher.parameters()), list(student.parameters())
        self._copied = [], []
        self._states = _states(student, teacher)
        if buffers is None:
            return
        pairs = zip(teacher.buffers(), student.buffers(), strict=True)
        for old, new in pairs:
            average = buffers == 'average' and old.is_floating_point()
            lists = self._averaged if average else self._copied
            lists[0].append(old)
            lists[1].append(new)

    @torch.no_grad()
    def __call__(self, momentum: float) -> None:
        """Take this share of the student, in [0, 1]."""
        torch._foreach_lerp_(*self._averaged, momentum)
        for old, new in zip(*self._copied, strict=True):
            old.copy_(new)
        for new, old, name in self._states:
            old[name].copy_(new[name])


def _states(student: nn.Module, teacher: nn.Module) -> list[tuple]:
    """Find what a student keeps in buffers, beside its batch norms.

    A teacher is in eval mode, which does not change such state: the bases of
    EMANet, the statistics of instance norms. Modules may replace the tensor,
    so it is looked up at every update.
    """
    return [
        (module._buffers, copy._buffers, name)
        for module, copy in zip(
            student.modules(), teacher.modules(), strict=True
        )
        if not isinstance(module, _BatchNorm)
        for name, buffer in module.named_buffers(recurse=False)
        if buffer.is_floating_point()
    ]
