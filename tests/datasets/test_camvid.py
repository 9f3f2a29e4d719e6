from itertools import product

import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS
from PIL import Image
from support import ROOT

from mmseg_classmix.datasets import CamVidDataset


def names(part, fraction='1-8', seed=0):
    path = ROOT / f'configs/splits/camvid/{fraction}_{seed}_{part}.txt'
    return path.read_text().split()


def test_splits_are_disjoint_and_complete():
    counts = {'1-30': 12, '1-8': 46, '1-4': 92, '1-2': 184}
    for (fraction, count), seed in product(counts.items(), range(3)):
        labeled = names('labeled', fraction, seed)
        unlabeled = names('unlabeled', fraction, seed)
        assert len(labeled) == count
        assert len({*labeled, *unlabeled}) == 367
        assert len(labeled + unlabeled) == 367


def test_masks_are_those_of_the_files(camvid):
    dataset = CamVidDataset(
        data_root=str(camvid),
        data_prefix=dict(
            img_path='images/val', seg_map_path='annotations/val'
        ),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )
    assert len(dataset) == 101
    sample = dataset[0]['data_samples']
    expected = np.array(Image.open(sample.seg_map_path))
    np.testing.assert_array_equal(sample.gt_sem_seg.data[0], expected)
    assert set(np.unique(expected)) <= {*range(11), 255}


def test_configs_read_the_real_images(camvid):
    cfg = Config.fromfile(str(ROOT / 'configs/classmix/camvid_1-8_r18.py'))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    assert [len(d) for d in dataset.datasets] == [46, 321]
    assert dataset[0]['inputs'].shape == (3, 180, 240)
    assert 'gt_sem_seg' in dataset[0]['data_samples']
    assert 'gt_sem_seg' not in dataset[46]['data_samples']


def test_missing_data_is_named():
    with pytest.raises(FileNotFoundError, match='nowhere/images.*data/camvid'):
        CamVidDataset(data_root='nowhere', data_prefix=dict(img_path='images'))
