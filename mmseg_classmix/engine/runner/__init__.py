"""Loops."""

from mmseg_classmix.engine.runner.val_loop import TeacherStudentValLoop

__all__ = ['TeacherStudentValLoop']
