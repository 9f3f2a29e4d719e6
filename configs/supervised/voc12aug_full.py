# Supervised baseline on all 10582 images of VOC 2012 + SBD: 2 GPUs x 5, 40k.
_base_ = [
    '../_base_/models/deeplabv2_r101-d8.py',
    '../_base_/datasets/voc12aug_321x321.py',
    '../_base_/schedules/sgd_40k.py',
    '../_base_/default_runtime.py',
]
data_preprocessor = dict(size=(321, 321), size_divisor=None)
# The head of the published weights has the classes of VOC.
model = dict(
    data_preprocessor=data_preprocessor,
    decode_head=dict(
        num_classes=21,
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint=_base_.checkpoint,
            prefix='decode_head.',
        ),
    ),
)
default_hooks = dict(checkpoint=dict(interval=5000))
