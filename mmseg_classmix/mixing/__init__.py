"""Masks, mixes and strong augmentation of a batch, on its device."""

from mmseg_classmix.mixing.batch_mix import (
    BatchMix,
    ClassMix,
    CowMix,
    CutMix,
    labeled_partners,
)
from mmseg_classmix.mixing.masks import class_mask, cow_mask, cut_mask
from mmseg_classmix.mixing.ring import NextFirst, next_in_batch
from mmseg_classmix.mixing.strong_augment import KorniaAugment

__all__ = [
    'BatchMix',
    'ClassMix',
    'CowMix',
    'CutMix',
    'KorniaAugment',
    'NextFirst',
    'class_mask',
    'cow_mask',
    'cut_mask',
    'labeled_partners',
    'next_in_batch',
]
