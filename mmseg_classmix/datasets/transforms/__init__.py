"""Transforms of samples."""

from mmseg_classmix.datasets.transforms.evaluate_at import EvaluateAt
from mmseg_classmix.datasets.transforms.random_scale import RandomScale
from mmseg_classmix.datasets.transforms.sample_mix import SampleMix

__all__ = ['EvaluateAt', 'RandomScale', 'SampleMix']
