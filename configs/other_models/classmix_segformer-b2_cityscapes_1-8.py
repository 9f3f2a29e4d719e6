# SegFormer-B2: 8 GPUs x (1 + 1), 160k.
_base_ = './classmix_segformer-b0_cityscapes_1-8.py'
checkpoint = 'https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/segformer/mit_b2_20220624-66e8bf70.pth'  # noqa: E501
model = dict(
    segmentor=dict(
        backbone=dict(
            embed_dims=64,
            num_layers=[3, 4, 6, 3],
            init_cfg=dict(checkpoint=checkpoint),
        ),
        decode_head=dict(in_channels=[64, 128, 320, 512]),
    )
)
