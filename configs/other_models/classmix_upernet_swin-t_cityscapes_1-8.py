# UPerNet, Swin-T: 8 GPUs x (2 + 2), 160k, as published for ADE20K.
_base_ = [
    '../_base_/models/upernet_swin-t.py',
    '../_base_/schedules/adamw_160k.py',
    '../_base_/classmix_cityscapes_1-8.py',
]
model = dict(_delete_=True, segmentor=_base_.model, **_base_.classmix)
train_dataloader = dict(batch_size=4, sampler=dict(batch_size=4))
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(
            absolute_pos_embed=dict(decay_mult=0.0),
            relative_position_bias_table=dict(decay_mult=0.0),
            norm=dict(decay_mult=0.0),
        )
    )
)
