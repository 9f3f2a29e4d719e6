# For pretrained networks and a thousand iterations: the head learns faster.
_base_ = './adamw_1k.py'
optim_wrapper = dict(
    optimizer=dict(lr=0.0005),
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=5.0))),
)
train_cfg = dict(val_interval=250)
