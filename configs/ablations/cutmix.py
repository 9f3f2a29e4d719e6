# CutMix in place of ClassMix.
_base_ = '../classmix/{{$ABLATION_BASE:cityscapes_1-8}}.py'
model = dict(batch_transforms=[dict(type='CutMix')])
