# DeepLab-v2's pooling too: sizes are rounded up.
_base_ = './tiny_classmix.py'
model = dict(
    segmentor=dict(
        backbone=dict(
            type='DeepLabResNet',
            num_stages=2,
            out_indices=(1,),
            strides=(1, 1),
            dilations=(1, 2),
            style='pytorch',
        ),
        # Quicker to export than with aligned corners.
        decode_head=dict(in_channels=8, in_index=0, align_corners=False),
    ),
)
