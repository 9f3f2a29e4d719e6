# DeepLab-v2 on ResNet-18, pretrained on ImageNet (torchvision's weights).
_base_ = './deeplabv2_r50-d8.py'
checkpoint = (
    '{{ fileDirname }}/../../../checkpoints/deeplabv2_r18_imagenet.pth'
)
model = dict(
    backbone=dict(depth=18, init_cfg=dict(checkpoint=checkpoint)),
    decode_head=dict(in_channels=512),
)
