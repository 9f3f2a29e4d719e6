# OCRNet, HRNet-W18: 4 GPUs x (2 + 2), 160k.
_base_ = [
    '../_base_/models/ocrnet_hr18.py',
    '../_base_/schedules/schedule_160k.py',
    '../_base_/classmix_cityscapes_1-8.py',
]
model = dict(_delete_=True, segmentor=_base_.model, **_base_.classmix)
train_dataloader = dict(batch_size=4, sampler=dict(batch_size=4))
