# STDC1: 4 GPUs x (12 + 12), 80k.
_base_ = [
    '../_base_/models/stdc1.py',
    '../_base_/schedules/schedule_80k_warmup.py',
    '../_base_/classmix_cityscapes_1-8.py',
]
model = dict(_delete_=True, segmentor=_base_.model, **_base_.classmix)
train_dataloader = dict(batch_size=24, sampler=dict(batch_size=24))
