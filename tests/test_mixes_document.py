"""What docs/mixes.md shows is run as it stands there."""

import re
import shutil
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import TRANSFORMS
from support import CLASSMIX, ROOT, tiny_config
from tool_process import run_tool

from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.mixing import CutMix

# A training of mmseg, without anything of ours.
STOCK = """
default_scope = 'mmseg'
metainfo = dict(classes=('ground', 'box', 'disk'), palette=[[0] * 3] * 3)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='BaseSegDataset',
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=metainfo,
        data_root={root!r},
        data_prefix=dict(img_path='images/train', seg_map_path='masks/train'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', size=(32, 40), seg_pad_val=255
    ),
    backbone=dict(
        type='ResNet', depth=18, stem_channels=4, base_channels=4
    ),
    decode_head=dict(
        type='FCNHead', in_channels=32, in_index=3, channels=8, num_classes=3
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', by_epoch=False))
work_dir = {work_dir!r}
"""


def code_blocks():
    """Python of the document, by the name of its file."""
    text = (ROOT / 'docs' / 'mixes.md').read_text('utf-8')
    blocks = re.findall(r'```python\n# (\w+\.py)\n(.*?)```', text, re.DOTALL)
    assert len(blocks) == text.count('```python') == 5
    return dict(blocks)


@pytest.fixture
def written(tmp_path, tiny_data, monkeypatch):
    """Folder with the files of the document and what they build on."""
    for name, code in code_blocks().items():
        (tmp_path / name).write_text(code)
    (tmp_path / 'classmix.py').write_text(f'_base_ = {str(CLASSMIX)!r}\n')
    stock = STOCK.format(root=str(tiny_data), work_dir=str(tmp_path / 'run'))
    (tmp_path / 'train.py').write_text(stock)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize('name', ['cutmix', 'labeled_source', 'my_training'])
def test_configs_of_the_document_train(name, written):
    cfg = tiny_config(written / 'run', written / f'{name}.py')
    cfg.train_cfg.max_iters = 2
    runner = ClassMixRunner.from_cfg(cfg)
    runner.train()
    (mix,) = runner.model.batch_transforms.transforms
    assert type(mix).__name__ == cfg.model.batch_transforms[0].type
    if name == 'cutmix':
        assert isinstance(mix, CutMix) and mix.area == 0.3
    assert runner.model.mix_sources == {
        'labeled' if name == 'labeled_source' else 'unlabeled'
    }


def test_own_mix_works_for_samples_and_labeled_sources(written):
    Config.fromfile(str(written / 'my_training.py'))
    from my_mix import LeftHalfMix

    img = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 3, 4, 8)
    label = torch.zeros(2, 4, 8, dtype=torch.int64)
    batch = dict(
        img=img,
        pseudo_label=label,
        confidence=label.float(),
        num_classes=3,
        labeled=dict(img=img + 10, label=label + 1),
    )
    out = LeftHalfMix(source='labeled')(batch)
    for i in range(2):
        row = out['img'][i, 0, 0].tolist()
        assert row == sorted(row, reverse=True)
        assert set(row) <= {i, 10 + i}
    assert torch.equal(out['pseudo_label'] == 1, out['mask'])
    mix = dict(type='LeftHalfMix')
    sample_mix = TRANSFORMS.build(dict(type='SampleMix', mix=mix))
    own, other = (
        dict(
            img=np.full((4, 8, 3), value, np.uint8),
            gt_seg_map=np.full((4, 8), value, np.uint8),
            seg_fields=['gt_seg_map'],
        )
        for value in (2, 1)
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        mixed = sample_mix(dict(own, mix_results=[other]))
    for row in mixed['gt_seg_map'].tolist():
        assert row == sorted(row, reverse=True)
        assert set(row) == {1, 2}


def test_stock_mmseg_trains_with_mixed_samples(written):
    """In a real process, by the script that mmseg ships."""
    tool = Path(mmseg.__file__).parent / '.mim' / 'tools' / 'train.py'
    shutil.copy(tool, written / 'mmseg_train.py')
    run_tool(written / 'mmseg_train.py', 'train_mixed.py', cwd=written)
    assert (written / 'run' / 'iter_2.pth').is_file()
    assert 'SampleMix' in (written / 'run' / 'train_mixed.py').read_text()
