# SegFormer-B0: 8 GPUs x (1 + 1), 160k.
_base_ = [
    '../_base_/models/segformer_mit-b0.py',
    '../_base_/schedules/adamw_160k.py',
    '../_base_/classmix_cityscapes_1-8.py',
]
model = dict(_delete_=True, segmentor=_base_.model, **_base_.classmix)
train_dataloader = dict(batch_size=2, sampler=dict(batch_size=2))
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(
            pos_block=dict(decay_mult=0.0),
            norm=dict(decay_mult=0.0),
            head=dict(lr_mult=10.0),
        )
    )
)
