"""Hooks."""

from mmseg_classmix.engine.hooks.execution_hook import ExecutionHook
from mmseg_classmix.engine.hooks.iter_seed_hook import IterSeedHook
from mmseg_classmix.engine.hooks.mean_teacher_hook import MeanTeacherHook
from mmseg_classmix.engine.hooks.mix_visualization_hook import (
    MixVisualizationHook,
)
from mmseg_classmix.engine.hooks.non_finite_hook import NonFiniteHook
from mmseg_classmix.engine.hooks.preemption_hook import PreemptionHook
from mmseg_classmix.engine.hooks.resume_hook import ResumeHook
from mmseg_classmix.engine.hooks.safe_checkpoint_hook import (
    SafeCheckpointHook,
)

__all__ = [
    'ExecutionHook',
    'IterSeedHook',
    'MeanTeacherHook',
    'MixVisualizationHook',
    'NonFiniteHook',
    'PreemptionHook',
    'ResumeHook',
    'SafeCheckpointHook',
]
