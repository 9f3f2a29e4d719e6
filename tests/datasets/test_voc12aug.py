"""VOC 2012 with the masks of SBD in its real layout."""

import numpy as np
import pytest
import torch
from layouts import VOC_SIZES, relocate, write_voc
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from support import ROOT

from mmseg_classmix.datasets.multi_source import Draw
from mmseg_classmix.models.segmentors.mean_teacher import padding_mask

BASE = ROOT / 'configs' / '_base_' / 'datasets' / 'voc12aug_321x321.py'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('voc')
    write_voc(root)
    return root


@pytest.fixture
def cfg(root):
    return relocate(Config.fromfile(str(BASE)), root)


def listed(root, name):
    file = root / 'ImageSets' / 'Segmentation' / f'{name}.txt'
    return file.read_text().split()


def info_paths(dataset, key):
    return [dataset.get_data_info(i)[key] for i in range(len(dataset))]


def test_each_split_takes_its_own_list_and_masks(root, cfg):
    labeled = DATASETS.build(cfg.labeled)
    unlabeled = DATASETS.build(cfg.unlabeled)
    val = DATASETS.build(cfg.val_dataloader.dataset)
    train = listed(root, 'trainaug')
    assert len(train) == 12
    images = [f'{root}/JPEGImages/{name}.jpg' for name in train]
    assert info_paths(labeled, 'img_path') == images
    assert info_paths(unlabeled, 'img_path') == images
    assert info_paths(labeled, 'seg_map_path') == [
        f'{root}/SegmentationClassAug/{name}.png' for name in train
    ]
    assert info_paths(val, 'seg_map_path') == [
        f'{root}/SegmentationClass/{name}.png' for name in listed(root, 'val')
    ]
    assert len(labeled.metainfo['classes']) == 21


def test_validation_is_at_original_size_with_palette_masks_as_ids(root, cfg):
    val = DATASETS.build(cfg.val_dataloader.dataset)
    for i, name in enumerate(listed(root, 'val')):
        sample = val[i]
        image = Image.open(root / 'JPEGImages' / f'{name}.jpg')
        size = image.size[::-1]
        assert sample['inputs'].shape == (3, *size)
        assert sample['data_samples'].ori_shape == size
        mask = Image.open(root / 'SegmentationClass' / f'{name}.png')
        assert mask.mode == 'P'
        ids = sample['data_samples'].gt_sem_seg.data[0]
        assert np.array_equal(ids, np.asarray(mask))


def test_training_crops_are_scaled_flipped_and_at_most_321(root, cfg):
    dataset = DATASETS.build(
        dict(type='MultiSourceDataset', datasets=[cfg.labeled, cfg.unlabeled])
    )
    flips, padded = [], 0
    for number in range(60):
        index = number % 24
        sample = dataset[Draw(index, (0, 0, number))]
        data_sample = sample['data_samples']
        shape = tuple(sample['inputs'].shape[1:])
        assert max(shape) <= 321
        assert data_sample.img_shape == shape
        padded += min(shape) < 321
        flips.append(data_sample.flip)
        for factor in data_sample.scale_factor:
            # Rounded to whole pixels of at least 142.
            assert 0.5 - 1 / 142 <= factor <= 1.5 + 1 / 142
        assert ('gt_sem_seg' in data_sample) == (index < 12)
    assert 15 < sum(flips) < 45
    assert 0 < padded < 60


def test_padding_is_ignored_and_known_in_both_streams(root, cfg):
    dataset = DATASETS.build(
        dict(type='MultiSourceDataset', datasets=[cfg.labeled, cfg.unlabeled])
    )
    preprocessor = MODELS.build(
        dict(
            type='SegDataPreProcessor',
            mean=[0.0] * 3,
            std=[1.0] * 3,
            size=tuple(cfg.crop_size),
            seg_pad_val=255,
        )
    )
    samples = [dataset[Draw(i, (0, 0, i))] for i in range(24)]
    for sample in samples:
        sample['inputs'][:] = 7
        if 'gt_sem_seg' in sample['data_samples']:
            sample['data_samples'].gt_sem_seg.data[:] = 3
    batch = preprocessor(
        dict(
            inputs=[s['inputs'] for s in samples],
            data_samples=[s['data_samples'] for s in samples],
        ),
        training=True,
    )
    images = batch['inputs']
    assert images.shape == (24, 3, 321, 321)
    outside = padding_mask(images, batch['data_samples'])
    assert torch.equal(outside, images[:, 0] != 7)
    assert outside[:12].any()
    assert outside[12:].any()
    for data_sample, expected in zip(
        batch['data_samples'][:12], outside, strict=False
    ):
        mask = data_sample.gt_sem_seg.data[0]
        assert torch.equal(mask == 255, expected)
        assert torch.equal(mask == 3, ~expected)


def test_published_numbers(cfg):
    for pipeline in (cfg.train_pipeline, cfg.unlabeled_pipeline):
        by_type = {step.type: step for step in pipeline}
        assert by_type['RandomScale'].ratio_range == (0.5, 1.5)
        assert by_type['RandomFlip'].prob == 0.5
        assert by_type['RandomCrop'].crop_size == (321, 321)
    assert cfg.crop_size == (321, 321)
    assert cfg.train_dataloader.batch_size == 5


def test_augmented_tests_run_at_original_size(root, cfg):
    cfg.val_dataloader.dataset.pipeline = cfg.tta_pipeline
    sample = DATASETS.build(cfg.val_dataloader.dataset)[0]
    flips = [s.flip for s in sample['data_samples']]
    assert sorted(flips) == [False, False, True, True]
    assert {s.ori_shape for s in sample['data_samples']} == {VOC_SIZES[0]}
    for data_sample in sample['data_samples']:
        assert data_sample.gt_sem_seg.shape == VOC_SIZES[0]
