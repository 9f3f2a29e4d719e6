"""The files that docs/other_models.md shows do what it says."""

import re
import shutil

import pytest
from mmengine.config import Config
from other_models import FOLDER
from support import ROOT, log_lines
from tool_process import run_tool

DOCUMENT = (ROOT / 'docs' / 'other_models.md').read_text('utf-8')
# As mmseg's configs are written, with a sampler and hooks of its own.
SUPERVISED = """
default_scope = 'mmseg'
crop_size = (64, 64)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=crop_size),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
data = dict(
    type='BaseSegDataset',
    data_root='data/my_images',
    img_suffix='.png',
    seg_map_suffix='.png',
    metainfo=dict(classes=('ground', 'box', 'disk')),
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        **data,
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **data,
        data_prefix=dict(img_path='val', seg_map_path='val_masks'),
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    size=crop_size,
)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(type='BEiT', img_size=crop_size, embed_dims=8,
                  num_layers=2, num_heads=2, out_indices=(0, 1)),
    decode_head=dict(type='FCNHead', in_channels=8, channels=8,
                     num_classes=3, norm_cfg=dict(type='BN')),
    auxiliary_head=dict(type='FCNHead', in_channels=8, in_index=0,
                        channels=8, num_classes=3),
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(40, 40)),
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(num_layers=2, layer_decay_rate=0.5),
)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
val_cfg = dict(type='ValLoop')
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2,
                    save_best='student/mIoU'),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer'
)
log_processor = dict(by_epoch=False)
"""


@pytest.fixture
def folder(tmp_path, tiny_data):
    """A project: data and the two configs."""
    data = tmp_path / 'data' / 'my_images'
    for ours, theirs in dict(
        images='images/train',
        masks='masks/train',
        unlabeled='images/unlabeled',
        val='images/val',
        val_masks='masks/val',
    ).items():
        shutil.copytree(tiny_data / theirs, data / ours)
    (tmp_path / 'my_supervised.py').write_text(SUPERVISED)
    (tmp_path / 'my_classmix.py').write_text(shown('my_classmix.py'))
    return tmp_path


def shown(name):
    """Config of the document whose first comment starts with its name."""
    pattern = rf'```python\n(# {name}.*?)```'
    (text,) = re.findall(pattern, DOCUMENT, re.DOTALL)
    return text


def test_config_of_the_document_trains(folder):
    run_tool('train.py', 'my_classmix.py', cwd=folder)
    work_dir = folder / 'work_dirs' / 'my_classmix'
    *steps, scores = log_lines(work_dir)
    assert [step['unsup.weight'] >= 0 for step in steps] == [True, True]
    assert {'student/mIoU', 'teacher/mIoU'} < set(scores)
    assert (work_dir / 'iter_2.pth').is_file()


def test_baseline_of_the_document_differs_in_the_method_only(tmp_path):
    path = tmp_path / 'pspnet_r50_cityscapes_1-8.py'
    text = shown(path.name)
    path.write_text(text.replace("'../", f"'{ROOT}/configs/"))
    alone = Config.fromfile(str(path))
    semi = Config.fromfile(str(FOLDER / f'classmix_{path.name}'))
    assert alone.model == semi.model.segmentor
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'sync_bn'):
        assert alone[key] == semi[key]
    (ours,) = alone.train_dataloader.dataset.datasets
    theirs = semi.train_dataloader.dataset.datasets[0]
    for source in (ours, theirs):
        source.ann_file = source.ann_file.split('/splits/')[1]
        source.data_root = source.data_root.split('/')[-1]
    assert ours == theirs
    sampler = semi.train_dataloader.sampler
    share = sampler.source_ratio[0] / sum(sampler.source_ratio)
    assert alone.train_dataloader.sampler.source_ratio == [1]
    assert alone.train_dataloader.batch_size == sampler.batch_size * share
