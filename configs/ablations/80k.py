# ClassMix for twice as long.
_base_ = '../classmix/{{$ABLATION_BASE:cityscapes_1-8}}.py'
max_iters = 80000
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = max_iters + 1
train_cfg = dict(max_iters=max_iters)
