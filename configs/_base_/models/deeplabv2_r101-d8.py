# DeepLab-v2 as in the paper (section 4.1): ResNet-101, output stride 8,
# pretrained on ImageNet and COCO. See docs/pretrained_weights.md.
checkpoint = '{{ fileDirname }}/../../../checkpoints/deeplabv2_r101_coco.pth'
# BGR images without a scale: what these weights were trained on.
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[104.008, 116.669, 122.675],
    std=[1.0, 1.0, 1.0],
    bgr_to_rgb=False,
    pad_val=0,
    seg_pad_val=255,
    size_divisor=1,
)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='DeepLabResNet',
        depth=101,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        style='caffe',
        contract_dilation=False,
        norm_cfg=dict(type='BN'),
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=2048,
        in_index=3,
        num_classes=19,
        dilations=(6, 12, 18, 24),
        align_corners=True,
        loss_decode=dict(type='GlobalCrossEntropyLoss'),
    ),
    test_cfg=dict(mode='whole'),
)
