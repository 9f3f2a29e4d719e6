"""Procedural drawing of street scenes with their class masks."""

from mmseg_classmix.demo.drawing.scene import draw_scene

__all__ = ['draw_scene']
