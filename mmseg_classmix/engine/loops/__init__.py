"""Loops."""

from mmseg_classmix.engine.loops.test_loop import TeacherStudentTestLoop
from mmseg_classmix.engine.loops.val_loop import TeacherStudentValLoop

__all__ = ['TeacherStudentTestLoop', 'TeacherStudentValLoop']
