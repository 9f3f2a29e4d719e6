# Cross entropy with the soft labels of the teacher.
_base_ = '../classmix/{{$ABLATION_BASE:cityscapes_1-8}}.py'
model = dict(unsup_loss=dict(type='SoftPseudoLabelLoss'))
