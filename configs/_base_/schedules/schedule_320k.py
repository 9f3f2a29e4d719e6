_base_ = './schedule_80k.py'
max_iters = 320000
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = max_iters
train_cfg = dict(max_iters=max_iters, val_interval=32000)
