"""Decode heads."""

from mmseg_classmix.models.decode_heads.deeplabv2_head import DeepLabV2Head

__all__ = ['DeepLabV2Head']
