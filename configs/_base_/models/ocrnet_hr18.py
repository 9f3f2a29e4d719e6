# Two heads in a row: the last one predicts.
_base_ = './encoder_decoder.py'
norm_cfg = dict(type='BN', requires_grad=True)
channels = (18, 36, 72, 144)
head = dict(
    in_channels=list(channels),
    in_index=(0, 1, 2, 3),
    input_transform='resize_concat',
    dropout_ratio=-1,
    num_classes=19,
    norm_cfg=norm_cfg,
    align_corners=False,
)
model = dict(
    type='CascadeEncoderDecoder',
    num_stages=2,
    backbone=dict(
        type='HRNet',
        norm_cfg=norm_cfg,
        norm_eval=False,
        extra=dict(
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(4,),
                num_channels=(64,),
            ),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block='BASIC',
                num_blocks=(4, 4),
                num_channels=channels[:2],
            ),
            stage3=dict(
                num_modules=4,
                num_branches=3,
                block='BASIC',
                num_blocks=(4, 4, 4),
                num_channels=channels[:3],
            ),
            stage4=dict(
                num_modules=3,
                num_branches=4,
                block='BASIC',
                num_blocks=(4, 4, 4, 4),
                num_channels=channels,
            ),
        ),
        init_cfg=dict(
            type='Pretrained', checkpoint='open-mmlab://msra/hrnetv2_w18'
        ),
    ),
    decode_head=[
        dict(
            type='FCNHead',
            channels=sum(channels),
            kernel_size=1,
            num_convs=1,
            concat_input=False,
            loss_decode=dict(
                type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.4
            ),
            **head,
        ),
        dict(
            type='OCRHead',
            channels=512,
            ocr_channels=256,
            loss_decode=dict(
                type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0
            ),
            **head,
        ),
    ],
)
