# Labeled images of GTA5, unlabeled ones of Cityscapes; evaluated on Cityscapes
# as in cityscapes_512x1024.py. Layout and preparation: docs/mixes.md.
_base_ = './cityscapes_512x1024.py'
crop = dict(type='RandomCrop', crop_size=_base_.crop_size)

source_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='Resize',
        scale=(1280, 720),
        backend='pillow',
        interpolation='bicubic',
    ),
    crop,
    dict(type='PackSegInputs'),
]
target_pipeline = _base_.unlabeled_pipeline
target_pipeline.insert(-1, crop)

labeled = dict(
    _delete_=True,
    type='GTA5Dataset',
    data_root='{{ fileDirname }}/../../../data/gta5',
    data_prefix=dict(img_path='images', seg_map_path='labels'),
    pipeline=source_pipeline,
)
# Hidden masks (eval_pseudo_labels) have train ids, those of GTA5 label ids.
unlabeled = dict(pipeline=target_pipeline, label_map={})
