"""Transforms of samples."""

from mmseg_classmix.datasets.transforms.resizing import (
    EvaluateAt,
    RandomScale,
)
from mmseg_classmix.datasets.transforms.sample_mix import SampleMix

__all__ = ['EvaluateAt', 'RandomScale', 'SampleMix']
