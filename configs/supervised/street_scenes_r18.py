# Supervised baseline of the quickstart: 16 of 416 drawn street scenes.
_base_ = [
    '../_base_/models/deeplabv2_r18-d16.py',
    '../_base_/datasets/street_scenes_96x192.py',
    '../_base_/schedules/adamw_1k.py',
    '../_base_/default_runtime.py',
]
data_preprocessor = dict(size=(96, 192), size_divisor=None)
# Three stages at output stride 4: small pictures have small objects.
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        stem_channels=16,
        base_channels=16,
        num_stages=3,
        strides=(1, 1, 1),
        dilations=(1, 2, 4),
        out_indices=(0, 1, 2),
    ),
    decode_head=dict(
        in_channels=64, in_index=2, num_classes=9, dilations=(1, 4, 8, 12)
    ),
)
labeled = _base_.labeled
labeled.ann_file = (
    '{{ fileDirname }}/../splits/street_scenes/16-images_0_labeled.txt'
)
train_dataloader = dict(dataset=dict(datasets=[labeled]))
