# A small DeepLab-v2, trained from scratch: 2.9 M parameters.
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size_divisor=1,
)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        norm_cfg=dict(type='BN'),
    ),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=256,
        in_index=3,
        num_classes=19,
        align_corners=True,
        loss_decode=dict(type='GlobalCrossEntropyLoss'),
    ),
    test_cfg=dict(mode='whole'),
)
