"""Training on resized files is training on the original ones, to the bit."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from layouts import relocate, write_cityscapes, write_voc
from mmengine.config import Config
from PIL import Image
from resized import (
    CITYSCAPES,
    SCALE,
    TOOL,
    assert_equal,
    change,
    city_names,
    cityscapes,
    resize,
    samples,
    sources,
    write_config,
)
from support import CLASSMIX, ROOT, environment

from mmseg_classmix.engine.runner import ClassMixRunner


@pytest.mark.parametrize('scale', [SCALE, (64, 33)])
def test_samples_are_the_same_to_the_bit(tmp_path, scale):
    config, root = cityscapes(tmp_path, (53, 101), scale)
    out = tmp_path / 'resized'
    resize(config, out, '--nproc', '2')
    # All files have the new size: nothing is left to Resize.
    files = list(out.glob('*/train/*/*'))
    assert len(files) == 12 + 4
    assert not list(out.glob('*/val'))
    assert_equal(samples(config), samples(config, out))
    # And are what Pillow makes of the originals.
    filters = dict(
        leftImg8bit=Image.Resampling.BILINEAR, gtFine=Image.Resampling.NEAREST
    )
    for path in files:
        name = path.relative_to(out)
        original = Image.open(root / name)
        expected = original.resize(scale, filters[name.parts[0]])
        assert np.array_equal(Image.open(path), expected)


def test_random_transforms_behind_resize_stay_random(tmp_path):
    def augment(streams):
        for source in streams:
            source.pipeline[-1:-1] = [
                dict(type='RandomFlip', prob=0.5),
                dict(type='RandomCrop', crop_size=(20, 20)),
            ]

    config, _ = cityscapes(tmp_path)
    change(config, augment)
    out = tmp_path / 'resized'
    resize(config, out)
    before = samples(config, draws=4)
    assert_equal(before, samples(config, out, draws=4))
    images = {sample['inputs'].numpy().tobytes() for sample in before}
    assert len(images) > 24


def test_palette_masks_keep_their_numbers(tmp_path):
    # VOC: masks with a palette, of images of many sizes, in JPEG.
    root = tmp_path / 'voc'
    write_voc(root)
    for path in (root / 'SegmentationClassAug').glob('*.png'):
        mask = Image.open(path)
        mask.putpalette(list(range(256)) * 3)
        mask.save(path)
        assert Image.open(path).mode == 'P'
    base = ROOT / 'configs' / '_base_' / 'datasets' / 'voc12aug_321x321.py'
    cfg = relocate(Config.fromfile(str(base)), root)
    cfg.train_dataloader.dataset.datasets = [cfg.labeled, cfg.unlabeled]
    for source in sources(cfg):
        steps = [step.type for step in source.pipeline]
        source.pipeline[steps.index('RandomScale')] = dict(
            type='Resize', scale=(97, 61)
        )
    config = tmp_path / 'config.py'
    cfg.dump(config)
    out = tmp_path / 'resized'
    output = resize(config, out)
    for i in range(2):
        place = f'train_dataloader.dataset.datasets[{i}]'
        assert f"train with {place}.img_suffix='.png'" in output
    assert 'seg_map_suffix' not in output
    assert not list(out.rglob('*.jpg'))
    # The list of names lies below data_root and is there too.
    before = samples(config)
    assert_equal(before, samples(config, out, img_suffix='.png'))
    masks = [s['data_samples'].get('gt_sem_seg') for s in before]
    values = torch.cat([m.data.flatten() for m in masks if m]).unique()
    assert values.tolist() == [*range(21), 255]


def test_masks_keep_numbers_that_training_changes(tmp_path):
    def fewer_classes(streams):
        streams[0].metainfo = dict(classes=('car', 'road', 'sky'))

    config, _ = cityscapes(tmp_path)
    change(config, fewer_classes)
    out = tmp_path / 'resized'
    resize(config, out)
    before = samples(config)
    assert_equal(before, samples(config, out))
    mask = before[0]['data_samples'].gt_sem_seg.data
    assert set(mask.unique().tolist()) <= {0, 1, 2, 255}
    stored = next(out.glob('gtFine/*/*/*'))
    assert np.isin(np.unique(Image.open(stored)), [3, 4, 5]).any()


def test_camvid(camvid, tmp_path):
    file = ROOT / 'configs' / 'classmix' / 'camvid_1-8_r18.py'
    cfg = relocate(Config.fromfile(str(file)), camvid)
    lists = [Path(s.ann_file).read_text().split()[:4] for s in sources(cfg)]
    config = write_config(cfg, tmp_path, *lists, scale=(240, 180))
    out = tmp_path / 'resized'
    resize(config, out)
    before = samples(config, draws=2)
    assert_equal(before, samples(config, out, 2, img_suffix='.png'))


def test_one_variable_chooses_the_resized_files(tmp_path, monkeypatch):
    # A copy of the configs, so that the data/ beside it is ours.
    project = tmp_path / 'my project'
    shutil.copytree(ROOT / 'configs', project / 'configs')
    data = project / 'data'
    write_cityscapes(data / 'cityscapes')
    names = city_names(data / 'cityscapes')
    lists = project / 'configs' / 'splits' / 'cityscapes'
    lists.mkdir()
    for kind, some in (('labeled', names[:4]), ('unlabeled', names[4:])):
        path = lists / f'1-8_0_{kind}.txt'
        path.write_text('\n'.join(some) + '\n')
    config = project / 'configs' / 'classmix' / 'cityscapes_1-8.py'
    resize(config, data / 'small')
    before = samples(config)
    assert before[0]['inputs'].shape == (3, 512, 1024)
    monkeypatch.setenv('CITYSCAPES_TRAIN', 'small')
    after = samples(config)
    assert_equal(before, after)
    for sample in after:
        path = Path(sample['data_samples'].img_path).resolve()
        assert path.is_relative_to(data / 'small')
    # Evaluation keeps the original files.
    for name in (
        'classmix/cityscapes_1-8.py',
        'supervised/cityscapes_full.py',
    ):
        cfg = Config.fromfile(str(project / 'configs' / name))
        for loader in (cfg.val_dataloader, cfg.test_dataloader):
            root = Path(loader.dataset.data_root).resolve()
            assert root == data / 'cityscapes'
        roots = {Path(source.data_root).name for source in sources(cfg)}
        assert roots == {'small'}


def test_training_is_the_same_to_the_bit(own_data, tmp_path):
    config, out = tmp_path / 'config.py', tmp_path / 'resized'
    weights = []
    # The last run resumes the first one in the middle, with other files.
    for name in ('before', 'after', 'resumed'):
        cfg = Config.fromfile(str(CLASSMIX))
        cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
        for source in sources(cfg):
            loaders = sum(s.type.startswith('Load') for s in source.pipeline)
            scaling = dict(type='Resize', scale=(30, 22), backend='pillow')
            source.pipeline.insert(loaders, scaling)
        if name == 'after':
            cfg.dump(config)
            resize(config, out)
        if name != 'before':
            for source in sources(cfg):
                source.data_root = str(out)
        cfg.work_dir = str(tmp_path / name)
        if name == 'resumed':
            (tmp_path / name).mkdir()
            shutil.copy(tmp_path / 'before' / 'iter_2.pth', cfg.work_dir)
            cfg.resume = True
        cfg.experiment_name = cfg.visualizer.name = f'resized_{name}'
        runner = ClassMixRunner.from_cfg(cfg)
        runner.train()
        weights.append(runner.model.state_dict())
        assert (runner.iter, name) == (4, name)
    before, *others = weights
    for after in others:
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_goes_on_after_a_kill(tmp_path):
    config, _ = cityscapes(tmp_path, (512, 1024), per_city=8)
    out = tmp_path / 'resized'
    process = subprocess.Popen(
        [sys.executable, ROOT / 'tools' / TOOL, config, out],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while len(list(out.glob('*/train/*/*.png'))) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {p: p.stat().st_ino for p in out.glob('*/train/*/*.png')}
    assert len(kept) < 32
    # What a kill leaves under a final name is whole.
    assert all(cv2.imread(str(path)) is not None for path in kept)
    # What it may leave under another one.
    next(iter(kept)).with_name('.left.png.tmp').write_bytes(b'half')
    resize(config, out)
    again = {p: p.stat().st_ino for p in out.glob('*/train/*/*.png')}
    assert len(again) == 24 + 8
    # At most a pair without its mask was written once more.
    assert sum(again[path] != kept[path] for path in kept) <= 1
    assert_equal(samples(config), samples(config, out))
    assert ': 0 files written now' in resize(config, out)


def test_every_config_of_a_data_set_may_add_to_one_folder(tmp_path):
    config, root = cityscapes(tmp_path)
    out = tmp_path / 'resized'
    resize(config, out)
    file = ROOT / 'configs' / 'supervised' / 'cityscapes_full.py'
    cfg = relocate(Config.fromfile(str(file)), root, SCALE)
    cfg.dump(tmp_path / 'supervised.py')
    # The masks of the images that were unlabeled, and those images.
    assert ': 16 files written now' in resize(tmp_path / 'supervised.py', out)
    cfg = relocate(Config.fromfile(str(CITYSCAPES)), root)
    names = city_names(root)
    config = write_config(cfg, tmp_path, names[4:], names[:4])
    assert ': 0 files written now' in resize(config, out)
    assert_equal(samples(config), samples(config, out))
    # A replaced file is resized again.
    path = next(root.glob('leftImg8bit/train/zurich/*.png'))
    Image.new('RGB', (128, 64), (9, 8, 7)).save(path)
    # As an archive would set it, to the past.
    os.utime(path, (1, 1))
    # With its mask.
    assert ': 2 files written now' in resize(config, out)
    image = np.asarray(Image.open(out / path.relative_to(root)))
    assert (image == (9, 8, 7)).all()
