# Random flip, scale and crop of real images; 6 iterations, 3 checkpoints.
_base_ = './tiny_classmix.py'
custom_imports = dict(imports=['mmseg_classmix', 'resume_support'])
camvid = '{{ fileDirname }}/../../data/camvid'
augmentation = [
    dict(type='Resize', scale=(96, 72)),
    dict(type='RandomScale', ratio_range=(0.8, 1.5)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCrop', crop_size=(48, 64)),
    dict(type='PackSegInputs'),
]
camvid_labeled = dict(
    type='CamVidDataset',
    data_root=camvid,
    data_prefix=dict(
        img_path='images/train', seg_map_path='annotations/train'
    ),
    indices=5,
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        *augmentation,
    ],
)
camvid_unlabeled = dict(
    type='UnlabeledDataset',
    data_root=camvid,
    data_prefix=dict(img_path='images/val'),
    indices=7,
    pipeline=[dict(type='LoadImageFromFile'), *augmentation],
)
train_dataloader = dict(
    dataset=dict(datasets=[camvid_labeled, camvid_unlabeled])
)
data_preprocessor = dict(size=(48, 64))
model = dict(
    segmentor=dict(
        data_preprocessor=data_preprocessor,
        decode_head=dict(num_classes=11, dropout_ratio=0.1),
    ),
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.01),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, begin=0, end=7, by_epoch=False)
]
train_cfg = dict(max_iters=6)
val_cfg = val_dataloader = val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
