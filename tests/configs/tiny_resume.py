# Random flip, scale and crop, dropout, a schedule; 6 iterations.
_base_ = './tiny_classmix.py'
custom_imports = dict(imports=['mmseg_classmix', 'resume_support'])
augmentation = [
    dict(type='Resize', scale=(48, 40)),
    dict(type='RandomScale', ratio_range=(0.8, 1.5)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCrop', crop_size=(32, 40)),
    dict(type='PackSegInputs'),
]
labeled, unlabeled = _base_.labeled, _base_.unlabeled
# Batches of two: an epoch ends within one.
labeled.ann_file = ''
labeled.indices = unlabeled.indices = 5
labeled.pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    *augmentation,
]
unlabeled.pipeline = [dict(type='LoadImageFromFile'), *augmentation]
train_dataloader = dict(dataset=dict(datasets=[labeled, unlabeled]))
model = dict(segmentor=dict(decode_head=dict(dropout_ratio=0.1)))
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.01),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, begin=0, end=7, by_epoch=False)
]
train_cfg = dict(max_iters=6, val_interval=4)
