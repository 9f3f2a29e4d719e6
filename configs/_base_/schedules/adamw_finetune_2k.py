# For pretrained networks and some thousand iterations: the head learns faster.
_base_ = './adamw_1k.py'
max_iters = 2000
optim_wrapper = dict(
    optimizer=dict(lr=0.001),
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=5.0))),
)
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = max_iters + 1
train_cfg = dict(max_iters=max_iters, val_interval=500)
