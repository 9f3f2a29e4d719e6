# Float64: in float32 rounding grows tenfold an iteration at the start.
_base_ = './tiny_classmix.py'
custom_imports = dict(imports=['mmseg_classmix', 'support'])
model = dict(type='DoubleMeanTeacher')
train_cfg = dict(max_iters=8)
default_hooks = dict(checkpoint=dict(interval=8))
