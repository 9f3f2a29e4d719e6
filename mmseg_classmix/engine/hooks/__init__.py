"""Hooks."""

from mmseg_classmix.engine.hooks.iter_seed_hook import IterSeedHook
from mmseg_classmix.engine.hooks.mean_teacher_hook import MeanTeacherHook
from mmseg_classmix.engine.hooks.plain_checkpoint_hook import (
    PlainCheckpointHook,
)
from mmseg_classmix.engine.hooks.preemption_hook import PreemptionHook
from mmseg_classmix.engine.hooks.resume_hook import ResumeHook

__all__ = [
    'IterSeedHook',
    'MeanTeacherHook',
    'PlainCheckpointHook',
    'PreemptionHook',
    'ResumeHook',
]
