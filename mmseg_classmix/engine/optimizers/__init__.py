"""Optimizers of the student alone."""

from mmseg_classmix.engine.optimizers.layer_decay import (
    StudentLayerDecayConstructor,
    StudentLearningRateDecayConstructor,
)

__all__ = [
    'StudentLayerDecayConstructor',
    'StudentLearningRateDecayConstructor',
]
