"""Metrics."""

from mmseg_classmix.evaluation.confusion_matrix import ConfusionMatrix

__all__ = ['ConfusionMatrix']
