"""Losses."""

from mmseg_classmix.models.losses.global_cross_entropy_loss import (
    GlobalCrossEntropyLoss,
)
from mmseg_classmix.models.losses.unsup_loss import (
    PseudoLabelLoss,
    SoftPseudoLabelLoss,
    SquaredErrorLoss,
    UnsupLoss,
    UnsupWeight,
    pseudo_label_accuracy,
)

__all__ = [
    'GlobalCrossEntropyLoss',
    'PseudoLabelLoss',
    'SoftPseudoLabelLoss',
    'SquaredErrorLoss',
    'UnsupLoss',
    'UnsupWeight',
    'pseudo_label_accuracy',
]
