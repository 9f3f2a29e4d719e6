# Mean teacher with pseudo-labels, without any mixing.
_base_ = '../classmix/{{$ABLATION_BASE:cityscapes_1-8}}.py'
model = dict(batch_transforms=[])
