"""Configs of small data sets to resize, and the samples before and after."""

from pathlib import Path

import torch
from layouts import relocate, write_cityscapes
from mmengine.config import Config
from mmseg.registry import DATASETS
from support import ROOT, call_tool

from mmseg_classmix.datasets.multi_source import Draw

TOOL = 'dataset_converters/resize_dataset.py'
CITYSCAPES = ROOT / 'configs' / 'classmix' / 'cityscapes_1-8.py'
# Width, height; no half of what is written: filters and nearest matter.
SCALE = (48, 24)


def resize(config, out, *arguments):
    """Run the tool in this process, and return its output."""
    done = call_tool(TOOL, config, out, *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def sources(cfg):
    """Configs of the training streams."""
    return cfg.train_dataloader.dataset.datasets


def resizes(cfg):
    """The Resize of every training stream."""
    return [
        step
        for source in sources(cfg)
        for step in source.pipeline
        if step.type == 'Resize'
    ]


def city_names(root):
    """Names of the train images as lists have them."""
    ending = '_leftImg8bit.png'
    images = (root / 'leftImg8bit' / 'train').glob('*/*.png')
    names = (f'{p.parent.name}/{p.name.removesuffix(ending)}' for p in images)
    return sorted(names)


def write_config(cfg, folder, labeled, unlabeled, scale=SCALE):
    """Write a config whose two streams have these names."""
    streams = zip(sources(cfg), (labeled, unlabeled), strict=True)
    for i, (source, names) in enumerate(streams):
        path = folder / f'names_{i}.txt'
        path.write_text('\n'.join(names) + '\n')
        source.ann_file = str(path)
    for step in resizes(cfg):
        step.scale = scale
    cfg.dump(folder / 'config.py')
    return folder / 'config.py'


def cityscapes(folder, size=(64, 128), scale=SCALE, per_city=4):
    """Write Cityscapes and a config, a third labeled; return both paths."""
    root = folder / 'city scapes'
    write_cityscapes(root, per_city, size=size)
    cfg = relocate(Config.fromfile(str(CITYSCAPES)), root)
    names = city_names(root)
    config = write_config(
        cfg, folder, names[:per_city], names[per_city:], scale
    )
    return config, root


def change(config, function):
    """Change a config file by a function of its streams."""
    cfg = Config.fromfile(str(config))
    function(sources(cfg))
    cfg.dump(config)
    return config


def samples(config, root=None, draws=1, **options):
    """Every sample of the training streams, drawn several times."""
    cfg = Config.fromfile(str(config))
    for source in sources(cfg):
        source.update(options)
        if root:
            source.data_root = str(root)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    return [
        dataset[Draw(i, (0, 0, number))]
        for number in range(draws)
        for i in range(len(dataset))
    ]


def assert_equal(before, after):
    """Equal to the bit, from other files of the same names."""
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert torch.equal(old['inputs'], new['inputs'])
        old, new = old['data_samples'], new['data_samples']
        assert Path(old.img_path).stem == Path(new.img_path).stem
        assert old.img_path != new.img_path
        assert old.img_shape == new.img_shape
        assert ('gt_sem_seg' in old) == ('gt_sem_seg' in new)
        if 'gt_sem_seg' in old:
            assert torch.equal(old.gt_sem_seg.data, new.gt_sem_seg.data)
