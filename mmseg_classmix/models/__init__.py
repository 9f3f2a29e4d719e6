"""Segmentor, backbone, head and losses."""

from mmseg_classmix.models.backbones import DeepLabResNet, EfficientNetLite
from mmseg_classmix.models.decode_heads import DeepLabV2Head
from mmseg_classmix.models.losses import (
    GlobalCrossEntropyLoss,
    PseudoLabelLoss,
    SoftPseudoLabelLoss,
    SquaredErrorLoss,
)
from mmseg_classmix.models.segmentors import MeanTeacherSegmentor

__all__ = [
    'DeepLabResNet',
    'DeepLabV2Head',
    'EfficientNetLite',
    'GlobalCrossEntropyLoss',
    'MeanTeacherSegmentor',
    'PseudoLabelLoss',
    'SoftPseudoLabelLoss',
    'SquaredErrorLoss',
]
