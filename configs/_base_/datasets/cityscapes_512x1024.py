# Cityscapes at 512x1024, without flip, crop or scale. Layout, preparation and
# evaluation: docs/datasets.md. Lists of labeled images, once the data set is
# there:
#   python tools/make_splits.py \
#       configs/_base_/datasets/cityscapes_512x1024.py \
#       configs/splits/cityscapes --seeds 0 1 2 \
#       --counts 1-30=100 1-8=372 1-4=744 1-2=1488
_base_ = './loaders.py'
data_root = '{{ fileDirname }}/../../../data/cityscapes'
# CITYSCAPES_TRAIN=cityscapes_512x1024 trains on the files that
# tools/dataset_converters/resize_dataset.py has written there.
train_root = '{{ fileDirname }}/../../../data/{{$CITYSCAPES_TRAIN:cityscapes}}'
scale = (1024, 512)
# For RandomCrop in the ablation of the paper; no crop by default.
crop_size = (512, 512)

# Images by bilinear interpolation, masks by nearest neighbor.
resize = dict(
    type='Resize', scale=scale, backend='pillow', interpolation='bilinear'
)
unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    resize,
    dict(type='PackSegInputs'),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    resize,
    dict(type='PackSegInputs'),
]
# EvaluateAt: input_size compares at 512x1024, as the published code does;
# original_size at 1024x2048.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    resize,
    dict(type='LoadAnnotations'),
    dict(type='EvaluateAt', size='input_size'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [resize],
            [
                dict(type='RandomFlip', prob=0.0),
                dict(type='RandomFlip', prob=1.0),
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='EvaluateAt', size='input_size')],
            [dict(type='PackSegInputs')],
        ],
    ),
]

labeled = dict(
    type='CityscapesDataset',
    data_root=train_root,
    data_prefix=dict(
        img_path='leftImg8bit/train', seg_map_path='gtFine/train'
    ),
    pipeline=train_pipeline,
)
unlabeled = dict(
    type='UnlabeledDataset',
    data_root=train_root,
    data_prefix=dict(img_path='leftImg8bit/train'),
    # One list of names then serves masks and images.
    img_suffix='_leftImg8bit.png',
    pipeline=unlabeled_pipeline,
)
train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    sampler=dict(batch_size=1),
    dataset=dict(datasets=[labeled]),
)
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type='CityscapesDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='leftImg8bit/val', seg_map_path='gtFine/val'
        ),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
