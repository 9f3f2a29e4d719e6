"""The file that docs/other_models.md shows trains a config of mmseg."""

import re
import shutil

import pytest
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
    (text,) = re.findall(
        r'```python\n(# my_classmix.py\n.*?)```', DOCUMENT, re.S
    )
    (tmp_path / 'my_classmix.py').write_text(text)
    return tmp_path


def test_config_of_the_document_trains(folder):
    run_tool('train.py', 'my_classmix.py', cwd=folder)
    work_dir = folder / 'work_dirs' / 'my_classmix'
    *steps, scores = log_lines(work_dir)
    assert [step['unsup.weight'] >= 0 for step in steps] == [True, True]
    assert {'student/mIoU', 'teacher/mIoU'} < set(scores)
    assert (work_dir / 'iter_2.pth').is_file()
