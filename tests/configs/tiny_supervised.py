# 4 labeled images of 32x40, 3 classes; a network of 50 k parameters.
_base_ = '../../configs/_base_/default_runtime.py'

data_root = '{{$TINY_DATA:data/tiny}}'
metainfo = dict(
    classes=('ground', 'box', 'disk'),
    palette=[[0, 0, 0], [255, 0, 0], [0, 255, 0]],
)
unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='RandomFlip', prob=0.0),
                dict(type='RandomFlip', prob=1.0),
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
labeled = dict(
    type='BaseSegDataset',
    img_suffix='.png',
    seg_map_suffix='.png',
    metainfo=metainfo,
    data_root=data_root,
    data_prefix=dict(img_path='images/train', seg_map_path='masks/train'),
    ann_file='labeled.txt',
    pipeline=train_pipeline,
)
unlabeled = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    data_prefix=dict(img_path='images/unlabeled'),
    pipeline=unlabeled_pipeline,
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='MultiSourceSampler', batch_size=2, source_ratio=[1]),
    dataset=dict(type='MultiSourceDataset', datasets=[labeled]),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset',
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=metainfo,
        data_root=data_root,
        data_prefix=dict(img_path='images/val', seg_map_path='masks/val'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator

data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    size=(32, 40),
)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=4,
        base_channels=4,
        strides=(1, 1, 1, 1),
        norm_cfg=dict(type='BN'),
    ),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=32,
        in_index=3,
        num_classes=3,
        dilations=(1, 2),
        align_corners=True,
        loss_decode=dict(type='GlobalCrossEntropyLoss'),
    ),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, nesterov=True),
)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=100)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=2))
