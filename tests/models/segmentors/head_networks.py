"""Small networks whose heads predict in different ways."""

import pytest
from mmengine.config import ConfigDict
from mmengine.utils.dl_utils import mmcv_full_available
from other_models import CROSS_ENTROPY, HARD, PIDNET, small_segmentor

BN = dict(type='BN')
RESNET = dict(
    type='ResNet', depth=18, stem_channels=8, base_channels=8, norm_cfg=BN
)
OF_RESNET = dict(in_channels=64, channels=8, norm_cfg=BN)
DDRNET = dict(
    backbone=dict(type='DDRNet', channels=8, ppm_channels=8),
    decode_head=dict(
        type='DDRHead', in_channels=32, channels=8, loss_decode=[HARD, HARD]
    ),
)
KNET = dict(
    backbone=RESNET,
    decode_head=dict(
        type='IterativeDecodeHead',
        num_stages=1,
        kernel_generate_head=dict(type='FCNHead', num_classes=3, **OF_RESNET),
        kernel_update_head=[
            dict(
                type='KernelUpdateHead',
                num_classes=3,
                num_heads=2,
                feedforward_channels=8,
                in_channels=8,
                out_channels=8,
                conv_kernel_size=1,
                feat_transform_cfg=dict(
                    conv_cfg=dict(type='Conv2d'), act_cfg=None
                ),
                kernel_updator_cfg=dict(
                    type='KernelUpdator',
                    in_channels=8,
                    feat_channels=8,
                    out_channels=8,
                ),
            )
        ],
    ),
)
POINT_REND = dict(
    type='CascadeEncoderDecoder',
    num_stages=2,
    backbone=RESNET,
    neck=dict(
        type='FPN', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4
    ),
    decode_head=[
        dict(
            type='FPNHead',
            in_channels=[8] * 4,
            in_index=[0, 1, 2, 3],
            feature_strides=[4, 8, 16, 32],
            channels=8,
        ),
        dict(
            type='PointHead',
            in_channels=[8],
            in_index=[0],
            channels=8,
            num_fcs=1,
        ),
    ],
    train_cfg=dict(
        num_points=32, oversample_ratio=3, importance_sample_ratio=0.75
    ),
    test_cfg=dict(
        mode='whole',
        subdivision_steps=1,
        subdivision_num_points=64,
        scale_factor=2,
    ),
)
ENCNET = dict(
    backbone=RESNET,
    decode_head=dict(
        type='EncHead',
        **dict(OF_RESNET, in_channels=[16, 32, 64]),
        in_index=(1, 2, 3),
        num_codes=4,
        loss_se_decode=dict(type='CrossEntropyLoss', use_sigmoid=True),
    ),
)


def config(parts, num_classes=3):
    """Complete a segmentor of few classes."""
    usual = dict(type='EncoderDecoder', test_cfg=dict(mode='whole'))
    cfg = ConfigDict(usual | parts)
    head = cfg['decode_head']
    heads = head if isinstance(head, list) else [head]
    heads = [
        h
        if 'kernel_generate_head' in h
        else {'loss_decode': CROSS_ENTROPY, 'num_classes': num_classes, **h}
        for h in heads
    ]
    cfg['decode_head'] = heads if isinstance(head, list) else heads[0]
    return cfg


NETWORKS = dict(
    pidnet=PIDNET,
    ddrnet=DDRNET,
    knet=KNET,
    pointrend=POINT_REND,
    encnet=ENCNET,
)
OCR = 'classmix_ocrnet_hr18_cityscapes_1-8'


def segmentor_of(name):
    if name == 'pointrend' and not mmcv_full_available():
        pytest.skip('needs the compiled operators of mmcv')
    if name == 'ocrnet':
        return small_segmentor(OCR)
    return config(NETWORKS[name])
