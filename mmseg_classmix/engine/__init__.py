"""The runner, hooks, loops and optimizer constructors."""

from mmseg_classmix.engine import hooks, loops, optimizers
from mmseg_classmix.engine.runner import ClassMixRunner

__all__ = ['ClassMixRunner', 'hooks', 'loops', 'optimizers']
