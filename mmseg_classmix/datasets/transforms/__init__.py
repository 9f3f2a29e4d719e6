"""Transforms of samples and of batches of unlabeled images."""

from mmseg_classmix.datasets.transforms.batch_mix import (
    BatchMix,
    ClassMix,
    CowMix,
    CutMix,
)
from mmseg_classmix.datasets.transforms.evaluate_at import EvaluateAt
from mmseg_classmix.datasets.transforms.masks import (
    class_mask,
    cow_mask,
    cut_mask,
)
from mmseg_classmix.datasets.transforms.random_scale import RandomScale
from mmseg_classmix.datasets.transforms.ring import NextFirst, next_in_batch
from mmseg_classmix.datasets.transforms.sample_mix import SampleMix
from mmseg_classmix.datasets.transforms.strong_augment import KorniaAugment

__all__ = [
    'BatchMix',
    'ClassMix',
    'CowMix',
    'CutMix',
    'EvaluateAt',
    'KorniaAugment',
    'NextFirst',
    'RandomScale',
    'SampleMix',
    'class_mask',
    'cow_mask',
    'cut_mask',
    'next_in_batch',
]
