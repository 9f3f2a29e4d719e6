# Drawn by tools/quickstart.py.
_base_ = './loaders.py'
data_root = '{{ fileDirname }}/../../../data/street_scenes'

unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
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
    type='StreetScenesDataset',
    data_root=data_root,
    data_prefix=dict(
        img_path='images/train', seg_map_path='annotations/train'
    ),
    pipeline=train_pipeline,
)
unlabeled = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    data_prefix=dict(img_path='images/train'),
    pipeline=unlabeled_pipeline,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(batch_size=4),
    dataset=dict(datasets=[labeled]),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        type='StreetScenesDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='images/val', seg_map_path='annotations/val'
        ),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
