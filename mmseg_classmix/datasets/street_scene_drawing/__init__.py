"""Procedural drawing of street scenes with their class masks."""

from .scene import draw_scene

__all__ = ['draw_scene']
