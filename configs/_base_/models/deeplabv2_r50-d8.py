# DeepLab-v2 on ResNet-50, pretrained on ImageNet (torchvision's weights).
_base_ = './deeplabv2_r101-d8.py'
checkpoint = (
    '{{ fileDirname }}/../../../checkpoints/deeplabv2_r50_imagenet.pth'
)
# RGB images in units of their deviation: what these weights were trained on.
data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        depth=50,
        style='pytorch',
        init_cfg=dict(checkpoint=checkpoint),
    ),
)
