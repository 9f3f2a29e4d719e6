"""Procedural drawing of street scenes with their class masks."""

from mmseg_classmix.datasets.street_scene_drawing.scene import draw_scene

__all__ = ['draw_scene']
