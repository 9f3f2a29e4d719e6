"""Loops."""

from mmseg_classmix.engine.runner.test_loop import TeacherStudentTestLoop
from mmseg_classmix.engine.runner.val_loop import TeacherStudentValLoop

__all__ = ['TeacherStudentTestLoop', 'TeacherStudentValLoop']
