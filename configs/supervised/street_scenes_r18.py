# Supervised baseline of the quickstart: 16 of 416 drawn street scenes.
_base_ = [
    '../_base_/models/deeplabv2_r18-d16.py',
    '../_base_/datasets/street_scenes_96x192.py',
    '../_base_/schedules/sgd_1k.py',
    '../_base_/default_runtime.py',
]
data_preprocessor = dict(size=(96, 192), size_divisor=None)
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
    ),
    decode_head=dict(in_channels=128, num_classes=9, dilations=(1, 3, 6, 9)),
)
labeled = _base_.labeled
labeled.ann_file = (
    '{{ fileDirname }}/../splits/street_scenes/16-images_0_labeled.txt'
)
train_dataloader = dict(dataset=dict(datasets=[labeled]))
