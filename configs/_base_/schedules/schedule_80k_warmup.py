# mmseg's for STDC.
_base_ = './schedule_80k.py'
warmup = dict(
    type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=1000
)
poly = _base_.param_scheduler[0]
poly.begin = warmup['end']
param_scheduler = [warmup, poly]
