"""Hooks, loops and distributed training."""

from mmseg_classmix.engine import cpu, hooks, runner
from mmseg_classmix.engine.cpu import close_distributed, prepare_distributed

__all__ = [
    'close_distributed',
    'cpu',
    'hooks',
    'prepare_distributed',
    'runner',
]
