"""What a drill trains: ClassMix with flip, scale, crop and colors, tiny."""

_base_ = '../../configs/classmix/street_scenes_r18.py'

data_root = '{{$DRILL_DATA:data/drill}}'
crop_size = (48, 96)
max_iters = 20
geometry = [
    dict(
        type='RandomResize',
        scale=(128, 64),
        ratio_range=(0.8, 1.5),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
labeled = dict(
    type='StreetScenesDataset',
    data_root=data_root,
    ann_file='labeled.txt',
    data_prefix=dict(
        img_path='images/train', seg_map_path='annotations/train'
    ),
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        *geometry,
    ],
)
unlabeled = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    ann_file='unlabeled.txt',
    data_prefix=dict(img_path='images/train'),
    pipeline=[dict(type='LoadImageFromFile'), *geometry],
)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(batch_size=4),
    dataset=dict(datasets=[labeled, unlabeled]),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root),
)
test_dataloader = val_dataloader

data_preprocessor = dict(size=crop_size)
# Four stages at output stride 16: a checkpoint of 11 MB, so that saving it
# takes a while, and an iteration of a tenth of a second.
model = dict(
    segmentor=dict(
        data_preprocessor=data_preprocessor,
        backbone=dict(
            num_stages=4,
            strides=(1, 2, 2, 1),
            dilations=(1, 1, 1, 2),
            out_indices=(0, 1, 2, 3),
        ),
        decode_head=dict(in_channels=128, in_index=3, dilations=(1, 2)),
    ),
    # Some pixels count from the first iteration.
    unsup_loss=dict(threshold=0.3),
)
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = max_iters + 1
train_cfg = dict(max_iters=max_iters, val_interval=10)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=4))
