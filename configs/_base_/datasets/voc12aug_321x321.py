# Pascal VOC 2012 with the masks of SBD: 10582 train, 1449 val images. Layout
# and preparation: docs/datasets.md. Lists of labeled images, once the data is
# there:
#   python tools/make_splits.py configs/_base_/datasets/voc12aug_321x321.py \
#       configs/splits/voc12aug --seeds 0 1 2 \
#       --counts 1-100=106 1-50=212 1-20=529 1-8=1323 1-4=2646
_base_ = './loaders.py'
data_root = '{{ fileDirname }}/../../../data/VOCdevkit/VOC2012'
# Smaller images are padded by data_preprocessor.size, which must be the same:
# only there padding is known, ignored (255) and never pseudo-labeled.
crop_size = (321, 321)

unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomScale', ratio_range=(0.5, 1.5)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomScale', ratio_range=(0.5, 1.5)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
# Whole images at their original size.
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
                dict(type='Resize', scale_factor=1.0),
                dict(type='Resize', scale_factor=1.25),
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
    type='PascalVOCDataset',
    data_root=data_root,
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassAug'
    ),
    ann_file='ImageSets/Segmentation/trainaug.txt',
    pipeline=train_pipeline,
)
# The folder of images has the validation images too: keep a list.
unlabeled = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    data_prefix=dict(img_path='JPEGImages'),
    ann_file='ImageSets/Segmentation/trainaug.txt',
    img_suffix='.jpg',
    pipeline=unlabeled_pipeline,
)
train_dataloader = dict(
    batch_size=5,
    num_workers=4,
    sampler=dict(batch_size=5),
    dataset=dict(datasets=[labeled]),
)
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type='PascalVOCDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='JPEGImages', seg_map_path='SegmentationClass'
        ),
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
