"""Hooks, loops and optimizer constructors."""

from mmseg_classmix.engine import hooks, loops, optimizers

__all__ = ['hooks', 'loops', 'optimizers']
