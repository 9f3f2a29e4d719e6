# Supervised baseline of gta5_to_cityscapes.py: trained on GTA5 alone, tested
# on Cityscapes. 1 GPU x 2 images, 250k iterations.
_base_ = [
    '../_base_/models/deeplabv2_r101-d8.py',
    '../_base_/datasets/gta5_to_cityscapes_512x512.py',
    '../_base_/schedules/sgd_40k.py',
    '../_base_/default_runtime.py',
]
data_preprocessor = dict(size=_base_.crop_size, size_divisor=None)
model = dict(data_preprocessor=data_preprocessor)
train_dataloader = dict(
    batch_size=2,
    sampler=dict(batch_size=2),
    dataset=dict(datasets=[_base_.labeled]),
)
max_iters = 250000
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = max_iters + 1
train_cfg = dict(max_iters=max_iters)
default_hooks = dict(checkpoint=dict(interval=5000))
