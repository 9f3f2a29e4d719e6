"""Backbones."""

from mmseg_classmix.models.backbones.deeplab_resnet import DeepLabResNet

__all__ = ['DeepLabResNet']
