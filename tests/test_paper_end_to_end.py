"""Shipped configs of the paper train and validate on small data."""

from functools import partial

import pytest
import torch
from layouts import VOC_SIZES, relocate, write_cityscapes, write_voc
from mmengine.config import Config
from support import ROOT

from mmseg_classmix.engine.runner import ClassMixRunner

SIZE = (32, 64)
VOC = [(height // 8, width // 8) for height, width in VOC_SIZES]
CASES = {
    'classmix/cityscapes_1-8': (write_cityscapes, 2),
    # Of the shapes of VOC, an eighth of their size.
    'classmix/voc12aug_1-8': (partial(write_voc, sizes=VOC), 2),
}


def write_lists(cfg, root, labeled):
    """Lists of names as make_splits.py writes them, four names in all."""
    sources = cfg.train_dataloader.dataset.datasets
    if 'VOC' in sources[0].type:
        pool = root / 'ImageSets' / 'Segmentation' / 'trainaug.txt'
        names = sorted(pool.read_text().split())
    else:
        folder = root / 'leftImg8bit' / 'train'
        names = sorted(
            p.relative_to(folder).as_posix().removesuffix('_leftImg8bit.png')
            for p in folder.glob('*/*.png')
        )
    parts = names[:labeled], names[labeled : 2 * labeled]
    for kind, source, part in zip('lu', sources, parts, strict=False):
        path = root / f'{kind}.txt'
        path.write_text('\n'.join(part) + '\n')
        source.ann_file = str(path)


def small(name, tmp_path):
    """The shipped config, but for folders, size, length, width and weights."""
    write, labeled = CASES[name]
    root = tmp_path / 'data'
    write(root)
    cfg = Config.fromfile(str(ROOT / 'configs' / f'{name}.py'))
    relocate(cfg, root, SIZE[::-1], SIZE)
    write_lists(cfg, root, labeled)
    network = cfg.model.segmentor
    cfg.data_preprocessor.size = SIZE
    network.data_preprocessor.size = SIZE
    # The published weights cannot be had here.
    network.backbone.init_cfg = None
    # All 101 layers, each of an eighth of the channels.
    network.backbone.update(stem_channels=8, base_channels=8)
    network.decode_head.in_channels = 256
    network.decode_head.init_cfg = None
    batch = 2 * labeled
    cfg.train_dataloader.batch_size = batch
    cfg.train_dataloader.sampler.batch_size = batch
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.work_dir = str(tmp_path / 'run')
    cfg.experiment_name = cfg.visualizer.name = tmp_path.name
    return cfg


@pytest.mark.parametrize('name', CASES)
def test_shipped_config_trains(tmp_path, name):
    runner = ClassMixRunner.from_cfg(small(name, tmp_path))
    start = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    end = runner.model.state_dict()
    assert all(v.isfinite().all() for v in end.values())
    for key in ('backbone.layer4.2.conv3.weight', 'backbone.conv1.weight'):
        assert not torch.equal(start[f'student.{key}'], end[f'student.{key}'])
    # Affine parameters of batch norms stay, statistics move.
    norm = 'student.backbone.layer1.0.bn1.'
    assert torch.equal(start[norm + 'weight'], end[norm + 'weight'])
    assert not torch.equal(
        start[norm + 'running_mean'], end[norm + 'running_mean']
    )
    scores = runner.message_hub.log_scalars
    for network in ('student', 'teacher'):
        assert 0 <= scores[f'val/{network}/mIoU'].current() <= 100
