"""What figures are made of; needs nothing but arrays and tensors."""

from mmseg_classmix.visualization.mixes import Mix, browse_mixes, label_and_mix
from mmseg_classmix.visualization.pixels import colorize, denormalize, gray

__all__ = [
    'Mix',
    'browse_mixes',
    'colorize',
    'denormalize',
    'gray',
    'label_and_mix',
]
