# Supervised baseline on all 2975 images of Cityscapes: 2 GPUs x 1, 40k.
_base_ = [
    '../_base_/models/deeplabv2_r101-d8.py',
    '../_base_/datasets/cityscapes_512x1024.py',
    '../_base_/schedules/sgd_40k.py',
    '../_base_/default_runtime.py',
]
data_preprocessor = dict(size=(512, 1024), size_divisor=None)
model = dict(data_preprocessor=data_preprocessor)
default_hooks = dict(checkpoint=dict(interval=5000))
