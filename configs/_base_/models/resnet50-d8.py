# ResNet-50 of output stride 8, with an auxiliary head: what PSPNet and
# DeepLabV3+ start from.
_base_ = './fcn_auxiliary_head.py'
model = dict(
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=_base_.norm_cfg,
        norm_eval=False,
        style='pytorch',
        contract_dilation=True,
        init_cfg=dict(
            type='Pretrained', checkpoint='open-mmlab://resnet50_v1c'
        ),
    ),
    auxiliary_head=dict(in_channels=1024),
)
