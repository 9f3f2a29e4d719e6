# Images and masks of your own, of any size; docs/own_data.md.
_base_ = './loaders.py'
data_root = '{{ fileDirname }}/../../../data/own'
# Smaller images are padded by data_preprocessor.size, which must be the same:
# only there padding is known, ignored (255) and never pseudo-labeled.
crop_size = (256, 256)

unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomScale', ratio_range=(0.5, 1.5)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomScale', ratio_range=(0.5, 1.5)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
# Whole images; predictions are resized to the masks.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale_factor=1.0),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='Resize', scale_factor=1.0)],
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
    type='LabeledDataset',
    data_root=data_root,
    data_prefix=dict(img_path='images/train', seg_map_path='masks/train'),
    ann_file='',
    pipeline=train_pipeline,
)
unlabeled = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    data_prefix=dict(img_path='images/unlabeled'),
    pipeline=unlabeled_pipeline,
)
val = dict(
    type='LabeledDataset',
    data_root=data_root,
    data_prefix=dict(img_path='images/val', seg_map_path='masks/val'),
    pipeline=test_pipeline,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    sampler=dict(batch_size=4),
    dataset=dict(datasets=[labeled]),
)
val_dataloader = dict(num_workers=2, dataset=val)
test_dataloader = val_dataloader
