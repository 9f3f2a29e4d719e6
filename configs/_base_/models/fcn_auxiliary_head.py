# An encoder-decoder with the auxiliary head of mmseg's larger models; what
# inherits it adds in_channels.
_base_ = './encoder_decoder.py'
# Statistics are those of the global batch: sync_bn of default_runtime.py.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    auxiliary_head=dict(
        type='FCNHead',
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.4
        ),
    ),
)
