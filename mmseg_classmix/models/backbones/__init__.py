"""Backbones."""

from mmseg_classmix.models.backbones.deeplab_resnet import DeepLabResNet
from mmseg_classmix.models.backbones.efficientnet_lite import EfficientNetLite

__all__ = ['DeepLabResNet', 'EfficientNetLite']
