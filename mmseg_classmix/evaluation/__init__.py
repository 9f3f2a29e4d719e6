"""Metrics."""

from mmseg_classmix.evaluation.metrics import ClassIoUMetric, ConfusionMatrix

__all__ = ['ClassIoUMetric', 'ConfusionMatrix']
