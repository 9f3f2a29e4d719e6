# The schedule of the paper; the head learns ten times as fast.
_base_ = './sgd_3k.py'
max_iters = 40000
optim_wrapper = dict(
    optimizer=dict(lr=2.5e-4),
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=10))),
)
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = max_iters + 1
train_cfg = dict(max_iters=max_iters, val_interval=5000)
