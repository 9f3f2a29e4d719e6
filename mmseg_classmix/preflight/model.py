"""The model, its weights, and the hooks and loops that it needs."""

import os.path as osp
from collections.abc import Iterator

from mmengine.hooks import Hook
from mmengine.model import PretrainedInit
from mmengine.registry import LOOPS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_classmix.engine.hooks import MeanTeacherHook
from mmseg_classmix.engine.loops import TeacherStudentValLoop
from mmseg_classmix.engine.runner import moves_teacher
from mmseg_classmix.preflight.problem import Problem, Start, check
from mmseg_classmix.preflight.settings import value_of

STARTS = ('student/', 'teacher/')


def _teacher_hooks(start: Start) -> list[Hook]:
    return [hook for hook in start.hooks if moves_teacher(hook)]


@check('training', 'teacher', 'hooks', 'has_all_hooks')
def a_hook_moves_the_teacher(start: Start) -> Iterator[Problem]:
    """Without it the teacher would stay at its random start."""
    if not _teacher_hooks(start):
        yield Problem(
            'the model has a teacher, but no MeanTeacherHook moves it',
            'custom_hooks',
            "add dict(type='MeanTeacherHook') to custom_hooks (a list in "
            'your config replaces the inherited one); a hook of your own '
            'that moves it has the class attribute moves_teacher=True',
        )


@check('training', 'model', 'hooks')
def there_is_a_teacher_to_move(start: Start) -> Iterator[Problem]:
    """A hook that moves it needs one."""
    hooks = _teacher_hooks(start)
    if start.teacher is None and hooks:
        yield Problem(
            f'{type(hooks[0]).__name__} needs '
            "model.type='MeanTeacherSegmentor', but got "
            f'{type(start.model).__name__}',
            'custom_hooks',
            'take it out, or set the model',
        )


@check('training', 'teacher', 'hooks')
def running_statistics_are_updated(start: Start) -> Iterator[Problem]:
    """A teacher that labels with them needs them to follow."""
    model, hooks = start.teacher, _teacher_hooks(start)
    norms = any(isinstance(m, _BatchNorm) for m in model.teacher.modules())
    if model.teacher_norm_eval and norms and hooks:
        # A hook of the user's may do what it likes.
        ours = all(isinstance(hook, MeanTeacherHook) for hook in hooks)
        if ours and all(hook.buffers is None for hook in hooks):
            yield Problem(
                'model.teacher_norm_eval=True, but nothing updates the '
                'running statistics of the teacher',
                'custom_hooks',
                "set buffers='average' or 'copy' of MeanTeacherHook",
            )


@check('model')
def validated_networks_exist(start: Start) -> Iterator[Problem]:
    """TeacherStudentValLoop predicts with both."""
    used = start.training or start.val is not None
    if used and _validates_both(start) and start.teacher is None:
        yield Problem(
            "val_cfg.type='TeacherStudentValLoop' needs "
            f'a teacher, but got {type(start.model).__name__}',
            'val_cfg',
            "set val_cfg.type='ValLoop', or model.type='MeanTeacherSegmentor'",
        )


def _validates_both(start: Start) -> bool:
    kind = value_of(start.cfg, 'val_cfg.type')
    kind = LOOPS.get(kind) if isinstance(kind, str) else kind
    return isinstance(kind, type) and issubclass(kind, TeacherStudentValLoop)


@check('training', 'teacher', 'hooks')
def the_best_network_is_named(start: Start) -> Iterator[Problem]:
    """Scores of TeacherStudentValLoop begin with their network."""
    if not _validates_both(start):
        return
    for hook in start.hooks:
        names = getattr(hook, 'save_best', None) or []
        for name in [names] if isinstance(names, str) else names:
            if name != 'auto' and not name.startswith(STARTS):
                yield Problem(
                    f'save_best={name!r} does not say of which network',
                    'default_hooks.checkpoint.save_best',
                    f"use 'student/{name}' or 'teacher/{name}'",
                )


@check('training', 'model')
def pretrained_weights_fit(start: Start) -> Iterator[Problem]:
    """Weights that networks start from; those of addresses are not loaded."""
    if start.resume:
        return
    for name, module in start.model.named_modules():
        path = _local_weights(module)
        if not path or name.startswith('teacher.'):
            continue
        name = f'.{name}' if name else ''
        place = f'model{name}.init_cfg'.replace('.student.', '.segmentor.')
        if hasattr(module, 'check_weights'):
            try:
                module.check_weights()
            except (OSError, ValueError) as error:
                yield Problem(str(error), place)
        elif not osp.isfile(osp.expanduser(path)):
            yield Problem(
                f'no pretrained weights in {path}',
                place,
                'correct checkpoint, or set init_cfg=None to start without',
            )


def _local_weights(module: nn.Module) -> str | None:
    """File that mmengine will initialize a module from."""
    cfgs = getattr(module, 'init_cfg', None) or ()
    for cfg in [cfgs] if isinstance(cfgs, dict) else cfgs:
        path = cfg.get('checkpoint')
        pretrained = cfg.get('type') in ('Pretrained', PretrainedInit)
        if pretrained and path and '://' not in path:
            return path
    return None
