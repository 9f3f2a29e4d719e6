"""Datasets, the sampler and the transforms of samples."""

from mmseg_classmix.datasets import transforms
from mmseg_classmix.datasets.camvid_gta5 import CamVidDataset, GTA5Dataset
from mmseg_classmix.datasets.hidden_masks import LoadHiddenMask, PackHiddenMask
from mmseg_classmix.datasets.labeled import LabeledDataset
from mmseg_classmix.datasets.multi_source import (
    MultiSourceDataset,
    MultiSourceSampler,
)
from mmseg_classmix.datasets.unlabeled import UnlabeledDataset

__all__ = [
    'CamVidDataset',
    'GTA5Dataset',
    'LabeledDataset',
    'LoadHiddenMask',
    'MultiSourceDataset',
    'MultiSourceSampler',
    'PackHiddenMask',
    'UnlabeledDataset',
    'transforms',
]
