"""Losses."""

from mmseg_classmix.models.losses.global_cross_entropy_loss import (
    GlobalCrossEntropyLoss,
)
from mmseg_classmix.models.losses.pseudo_label_loss import PseudoLabelLoss
from mmseg_classmix.models.losses.soft_pseudo_label_loss import (
    SoftPseudoLabelLoss,
)
from mmseg_classmix.models.losses.squared_error_loss import SquaredErrorLoss
from mmseg_classmix.models.losses.unsup_loss import UnsupLoss
from mmseg_classmix.models.losses.weighting import UnsupWeight

__all__ = [
    'GlobalCrossEntropyLoss',
    'PseudoLabelLoss',
    'SoftPseudoLabelLoss',
    'SquaredErrorLoss',
    'UnsupLoss',
    'UnsupWeight',
]
