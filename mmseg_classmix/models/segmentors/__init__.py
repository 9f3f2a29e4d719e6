"""Segmentors."""

from mmseg_classmix.models.segmentors.mean_teacher import MeanTeacherSegmentor

__all__ = ['MeanTeacherSegmentor']
