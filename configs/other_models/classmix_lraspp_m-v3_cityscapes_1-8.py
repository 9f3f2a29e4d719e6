# LR-ASPP, MobileNetV3: 4 GPUs x (4 + 4), 320k.
_base_ = [
    '../_base_/models/lraspp_m-v3-d8.py',
    '../_base_/schedules/schedule_320k.py',
    '../_base_/classmix_cityscapes_1-8.py',
]
model = dict(_delete_=True, segmentor=_base_.model, **_base_.classmix)
train_dataloader = dict(batch_size=8, sampler=dict(batch_size=8))
