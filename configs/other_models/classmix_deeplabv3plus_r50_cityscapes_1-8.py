# DeepLabV3+, ResNet-50: 4 GPUs x (2 + 2), 80k.
_base_ = [
    '../_base_/models/deeplabv3plus_r50-d8.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/classmix_cityscapes_1-8.py',
]
model = dict(_delete_=True, segmentor=_base_.model, **_base_.classmix)
train_dataloader = dict(batch_size=4, sampler=dict(batch_size=4))
