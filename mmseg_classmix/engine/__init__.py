"""Hooks, loops and distributed training."""

from mmseg_classmix.engine import cpu, hooks, runner
from mmseg_classmix.engine.cpu import prepare_distributed

__all__ = ['cpu', 'hooks', 'prepare_distributed', 'runner']
