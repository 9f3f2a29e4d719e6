"""Hooks, loops and distributed training."""

from mmseg_classmix.engine import cpu, hooks, optimizers, runner
from mmseg_classmix.engine.cpu import close_distributed, prepare_distributed
from mmseg_classmix.engine.process_group import lost_processes_explained

__all__ = [
    'close_distributed',
    'cpu',
    'hooks',
    'lost_processes_explained',
    'optimizers',
    'prepare_distributed',
    'runner',
]
