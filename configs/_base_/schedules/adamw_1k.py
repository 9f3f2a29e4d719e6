# For networks that start from scratch and have a thousand iterations.
_base_ = './sgd_3k.py'
max_iters = 1000
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.01),
)
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = max_iters + 1
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
