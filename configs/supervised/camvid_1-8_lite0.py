# Pretrained baseline on 46 of 367 images of CamVid, batch 2, 2k iterations.
_base_ = [
    '../_base_/models/deeplabv3plus_lite0-d16.py',
    '../_base_/datasets/camvid_180x240.py',
    '../_base_/schedules/adamw_finetune_2k.py',
    '../_base_/default_runtime.py',
]
data_preprocessor = dict(size=(180, 240), size_divisor=None)
# Square roots of the inverse shares of the classes in 1-8_0_labeled.txt,
# with a mean of 1 over its pixels and at most 9 (class_distribution.py).
class_weight = [0.9, 0.7, 4.0, 0.65, 1.75, 1.25, 4.0, 3.5, 1.5, 4.0, 9.0]
model = dict(
    data_preprocessor=data_preprocessor,
    decode_head=dict(
        num_classes=11, loss_decode=dict(class_weight=class_weight)
    ),
)
labeled = _base_.labeled
labeled.ann_file = '{{ fileDirname }}/../splits/camvid/1-8_0_labeled.txt'
train_dataloader = dict(
    batch_size=2,
    sampler=dict(batch_size=2),
    dataset=dict(datasets=[labeled]),
)
# For the depthwise convolutions on a CPU: docs/performance.md.
default_hooks = dict(execution=dict(channels_last=True))
