# The weight is 1.
_base_ = '../classmix/{{$ABLATION_BASE:cityscapes_1-8}}.py'
model = dict(unsup_loss=dict(weighting='constant'))
