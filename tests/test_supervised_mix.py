"""The shipped config of mixed labeled images, on files like CamVid's."""

import cv2
import numpy as np
import pytest
from layouts import blocks, paint, relocate
from support import ROOT, tiny_config

from mmseg_classmix.engine.runner import ClassMixRunner

CONFIG = ROOT / 'configs' / 'supervised' / 'camvid_1-8_r18_classmix.py'
NAMES = ROOT / 'configs' / 'splits' / 'camvid' / '1-8_0_labeled.txt'
SCALE = (48, 36)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Images and masks of the 46 names."""
    root = tmp_path_factory.mktemp('like_camvid')
    rng = np.random.default_rng(0)
    for kind in ('images', 'annotations'):
        (root / kind / 'train').mkdir(parents=True)
    for name in NAMES.read_text().split():
        mask = blocks(rng, SCALE[::-1], [*range(11), 255])
        image = paint(rng, mask)
        cv2.imwrite(str(root / 'images' / 'train' / f'{name}.jpg'), image)
        path = root / 'annotations' / 'train' / f'{name}.png'
        cv2.imwrite(str(path), mask)
    return root


def test_half_of_the_samples_are_mixed_and_train(root, tmp_path):
    cfg = relocate(tiny_config(tmp_path, CONFIG), root, SCALE)
    size = dict(size=SCALE[::-1])
    cfg.data_preprocessor.update(size)
    cfg.model.data_preprocessor.update(size)
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.save_best = None
    runner = ClassMixRunner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2
    dataset = runner.train_dataloader.dataset
    assert len(dataset) == 46
    steps = dataset.datasets[0].pipeline
    plain = dataset.datasets[0].dataset
    kept = []
    for i in range(46):
        name = plain.get_data_info(i)['img_path']
        sample = dataset[i]['data_samples']
        assert sample.img_path == name
        mask = cv2.imread(plain.get_data_info(i)['seg_map_path'], -1)
        found = sample.gt_sem_seg.data[0].numpy()
        kept.append(any((found == m).all() for m in (mask, mask[:, ::-1])))
    assert steps[0].prob == 0.5
    # Three standard deviations of 46 draws.
    assert abs(np.mean(kept) - 0.5) < 0.22
