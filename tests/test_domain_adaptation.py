"""Labels of one data set pasted on the images of another, trained."""

import shutil

import numpy as np
import pytest
import torch
from layouts import (
    LABEL_IDS,
    color_model,
    relocate,
    write_cityscapes,
    write_gta5,
)
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmseg.registry import DATASETS, TRANSFORMS
from PIL import Image
from support import ROOT, call_tool, log_lines, tiny_config

from mmseg_classmix.engine.runner import ClassMixRunner

CONFIGS = ROOT / 'configs' / 'domain_adaptation'
CROP = (32, 48)
SOURCE = {'model.batch_transforms.0.source': 'labeled'}


@TRANSFORMS.register_module()
class KeepPasted(BaseTransform):
    """Keep what a training gives to its student."""

    batches = []

    def transform(self, batch):
        self.batches.append(batch)
        return batch


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('gta5_and_cityscapes')
    write_gta5(root)
    write_cityscapes(root)
    return root


def config(root, work_dir, name='gta5_to_cityscapes', **options):
    """A shipped config, smaller, with a network that sees colors only."""
    cfg = tiny_config(work_dir, CONFIGS / f'{name}.py', **options)
    relocate(cfg, root, (64, 32), CROP)
    network = color_model(19)
    network['data_preprocessor']['size'] = CROP
    cfg.data_preprocessor = network['data_preprocessor']
    if 'segmentor' in cfg.model:
        cfg.model.segmentor = network
    else:
        cfg.model = network
    cfg.train_cfg.update(max_iters=3, val_interval=3)
    cfg.default_hooks.logger.interval = 1
    return cfg


def test_label_ids_become_train_ids(root):
    cfg = relocate(Config.fromfile(str(CONFIGS / 'gta5_source_only.py')), root)
    labeled = cfg.train_dataloader.dataset.datasets[0]
    labeled.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
    ]
    dataset = DATASETS.build(labeled)
    assert len(dataset) == 6
    for i in range(6):
        sample = dataset[i]
        assert sample['img_path'].endswith(f'images/{i + 1:05d}.png')
        ids = np.asarray(Image.open(root / 'labels' / f'{i + 1:05d}.png'))
        expected = np.full(ids.shape, 255)
        for train_id, label_id in enumerate(LABEL_IDS):
            expected[ids == label_id] = train_id
        assert (expected == 255).any()
        np.testing.assert_array_equal(sample['gt_seg_map'], expected)


def test_classes_may_be_chosen(root):
    prefix = dict(img_path='images', seg_map_path='labels')
    dataset = DATASETS.build(
        dict(
            type='GTA5Dataset',
            data_root=str(root),
            data_prefix=prefix,
            metainfo=dict(classes=('car', 'road')),
            pipeline=[dict(type='LoadAnnotations')],
        )
    )
    ids = np.asarray(Image.open(root / 'labels' / '00001.png'))
    expected = np.where(ids == 26, 0, np.where(ids == 7, 1, 255))
    np.testing.assert_array_equal(dataset[0]['gt_seg_map'], expected)
    # Cityscapes' colors of a car and of a road.
    assert dataset.metainfo['palette'] == [[0, 0, 142], [128, 64, 128]]


def test_pasted_pixels_carry_the_ground_truth_of_gta5(root, tmp_path):
    cfg = config(root, tmp_path)
    # Between mix and jitter.
    cfg.model.batch_transforms.insert(1, dict(type='KeepPasted'))
    KeepPasted.batches.clear()
    runner = ClassMixRunner.from_cfg(cfg)
    runner.train()
    assert len(KeepPasted.batches) == 3
    for batch in KeepPasted.batches:
        label = batch['labeled']['label']
        pasted = batch['ground_truth']
        assert 0 < pasted.float().mean() < 1
        for i in range(2):
            there = label[i][pasted[i]]
            # The larger half of the classes of the labeled image.
            present = set(label[i].unique().tolist()) - {255}
            chosen = set(there.tolist())
            assert len(chosen) == (len(present) + 1) // 2
            assert chosen <= present
            assert torch.equal(batch['pseudo_label'][i][pasted[i]], there)
            assert batch['confidence'][i][pasted[i]].eq(1).all()
            source = batch['labeled']['img'][i][:, pasted[i]]
            assert torch.equal(batch['img'][i][:, pasted[i]], source)
            # Elsewhere the teacher speaks.
            for key in ('pseudo_label', 'confidence'):
                rest = batch[key][i][~pasted[i]]
                before = batch['unlabeled'][key][i][~pasted[i]]
                assert torch.equal(rest, before)
    lines = log_lines(tmp_path)
    assert any('student/mIoU' in line for line in lines)
    trained = [line for line in lines if 'unsup.loss_ce' in line]
    assert len(trained) == 3
    assert all(np.isfinite(line['unsup.loss_ce']) for line in trained)
    # Untrained: no pseudo-label is confident, so pasted pixels alone count.
    share = KeepPasted.batches[0]['ground_truth'].float().mean().item()
    assert trained[0]['unsup.confident_share'] == 0
    assert trained[0]['unsup.weight'] == pytest.approx(share, rel=1e-4)


def test_the_baseline_trains_on_gta5_alone(root, tmp_path):
    runner = ClassMixRunner.from_cfg(
        config(root, tmp_path, 'gta5_source_only')
    )
    runner.train()
    assert len(runner.train_dataloader.dataset.datasets) == 1
    assert len(runner.val_dataloader.dataset) == 3
    assert any('mIoU' in line for line in log_lines(tmp_path))


def test_files_can_be_checked_before(root, tmp_path):
    """The first command of the documentation."""
    shutil.copytree(root, tmp_path / 'data')
    config(tmp_path / 'data', tmp_path).dump(tmp_path / 'config.py')
    mask = tmp_path / 'data' / 'labels' / '00002.png'
    Image.fromarray(np.full((66, 120), 77, np.uint8)).save(mask)
    tool = 'dataset_converters/check_dataset.py'
    done = call_tool(tool, tmp_path / 'config.py', '--workers', 1)
    assert done.returncode == 1, done.stdout
    assert '00002.png' in done.stdout and '77' in done.stdout
    # All else is as it should be.
    assert '00001.png' not in done.stdout


def test_settings_are_those_of_the_published_code():
    """vikolss/DACS, configs/configUDA.json and trainUDA.py."""
    cfg = Config.fromfile(str(CONFIGS / 'gta5_to_cityscapes.py'))
    assert cfg.train_cfg.max_iters == 250000
    assert cfg.optim_wrapper.optimizer.lr == 2.5e-4
    assert cfg.optim_wrapper.optimizer.weight_decay == 5e-4
    assert cfg.train_dataloader.batch_size == 4
    source, target = cfg.train_dataloader.dataset.datasets
    sizes = [
        {step.type: step for step in stream.pipeline}
        for stream in (source, target)
    ]
    assert sizes[0]['Resize'].scale == (1280, 720)
    assert sizes[0]['Resize'].interpolation == 'bicubic'
    assert sizes[1]['Resize'].scale == (1024, 512)
    for steps in sizes:
        assert steps['RandomCrop'].crop_size == (512, 512)
        assert 'RandomFlip' not in steps
    assert cfg.model.segmentor.data_preprocessor.size == (512, 512)
    mix, kornia = cfg.model.batch_transforms
    assert (mix.type, mix.source, mix.round_up) == (
        'ClassMix',
        'labeled',
        True,
    )
    jitter, blur = kornia.transforms
    assert (jitter.p, blur.p) == (0.8, 0.5)
    assert tuple(blur.sigma) == (0.15, 1.15)
    assert tuple(blur.kernel_size) == (51, 51)
    # "threshold_uniform": one share for the batch.
    assert cfg.model.unsup_loss.weighting == 'proportion_per_batch'


def small_batch(labeled, unlabeled):
    loader = 'train_dataloader'
    size = labeled + unlabeled
    return {
        f'{loader}.batch_size': size,
        f'{loader}.sampler.batch_size': size,
        f'{loader}.sampler.source_ratio': [labeled, unlabeled],
    }


@pytest.mark.parametrize('counts', [(3, 1), (1, 3)], ids=str)
def test_one_unlabeled_image_and_unequal_numbers_are_enough(counts, tmp_path):
    options = {**SOURCE, **small_batch(*counts), 'train_cfg.max_iters': 1}
    cfg = tiny_config(tmp_path, **options)
    cfg.model.batch_transforms.append(dict(type='KeepPasted'))
    KeepPasted.batches.clear()
    ClassMixRunner.from_cfg(cfg).train()
    (batch,) = KeepPasted.batches
    assert len(batch['img']) == counts[1]
    assert len(batch['labeled']['img']) == counts[0]


def test_padding_of_labeled_images_is_ignored(tmp_path):
    options = {**SOURCE, 'train_cfg.max_iters': 1}
    options['model.batch_transforms.0.type'] = 'CutMix'
    cfg = tiny_config(tmp_path, **options)
    padded = dict(size=(40, 50), seg_pad_val=1)
    cfg.model.segmentor.data_preprocessor.update(padded)
    cfg.data_preprocessor.update(padded)
    cfg.model.batch_transforms.append(dict(type='KeepPasted'))
    KeepPasted.batches.clear()
    ClassMixRunner.from_cfg(cfg).train()
    (batch,) = KeepPasted.batches
    assert (batch['labeled']['label'][:, 32:] == 255).all()
    assert (batch['labeled']['label'][:, :, 40:] == 255).all()
    padding = batch['ground_truth'][:, 32:]
    assert padding.any()
    assert (batch['pseudo_label'][:, 32:] == 255).all()
    assert not batch['confidence'][:, 32:].any()


def test_a_ring_of_one_unlabeled_image_is_still_refused(tmp_path):
    cfg = tiny_config(tmp_path, **small_batch(1, 1))
    with pytest.raises(ValueError, match='1 unlabeled image'):
        ClassMixRunner.from_cfg(cfg).train()
