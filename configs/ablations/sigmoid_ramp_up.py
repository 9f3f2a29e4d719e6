# The weight rises over the first 10k iterations.
_base_ = '../classmix/{{$ABLATION_BASE:cityscapes_1-8}}.py'
model = dict(unsup_loss=dict(weighting='ramp_up'))
