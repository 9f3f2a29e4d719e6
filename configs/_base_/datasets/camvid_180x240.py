_base_ = './loaders.py'
data_root = '{{ fileDirname }}/../../../data/camvid'
scale = (240, 180)
# Of the ablation with random crops, as Cityscapes' all of the height.
crop_size = (180, 180)

unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=scale),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
# Masks keep their 360x480: predictions are resized to them.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=scale),
                dict(type='Resize', scale=(360, 270)),
            ],
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
    type='CamVidDataset',
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
    num_workers=2,
    sampler=dict(batch_size=4),
    dataset=dict(datasets=[labeled]),
)
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='CamVidDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='images/val', seg_map_path='annotations/val'
        ),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
