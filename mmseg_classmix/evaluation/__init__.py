"""Metrics."""

from mmseg_classmix.evaluation.confusion_matrix import ConfusionMatrix
from mmseg_classmix.evaluation.iou_metric import ClassIoUMetric

__all__ = ['ClassIoUMetric', 'ConfusionMatrix']
