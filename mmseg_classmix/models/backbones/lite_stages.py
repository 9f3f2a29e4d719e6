"""The stages of EfficientNet-Lite0, from an image to features."""

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.utils import InvertedResidualV3
from mmseg.registry import MODELS
from torch import nn

#: Blocks, kernel, stride, expansion and channels of every stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM = 32


@MODELS.register_module(force=True)
class LiteStages(BaseModule):
    """Inverted residuals with 3x3 and 5x5 depthwise convolutions."""

    def __init__(
        self,
        out_indices=(1, 2, 4, 6),
        output_stride=32,
        norm_cfg=None,
        with_cp=False,
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        self.out_indices = tuple(out_indices)
        norm_cfg = norm_cfg or dict(type='BN', eps=1e-3)
        common = dict(norm_cfg=norm_cfg, act_cfg=dict(type='ReLU6'))
        # Even sizes are padded at the right and below only, as in TensorFlow.
        same = dict(type='Conv2dAdaptivePadding')
        self.stem = ConvModule(3, STEM, 3, stride=2, conv_cfg=same, **common)
        self.stages = nn.ModuleList()
        channels, stride = STEM, 2
        needed = STAGES[: max(self.out_indices) + 1]
        for count, kernel, step, expansion, out in needed:
            blocks = []
            # The block that would halve the size sees undilated features.
            before = max(stride // output_stride, 1)
            stride *= step
            after = max(stride // output_stride, 1)
            for i in range(count):
                first = i == 0
                block = InvertedResidualV3(
                    channels,
                    out,
                    channels * expansion,
                    kernel,
                    step if first and before == after else 1,
                    with_expand_conv=expansion > 1,
                    with_cp=with_cp,
                    **common,
                )
                self.dilate(block, before if first else after)
                blocks.append(block)
                channels = out
            self.stages.append(nn.Sequential(*blocks))

    @staticmethod
    def dilate(block, dilation):
        """Let the depthwise convolution of a block skip pixels."""
        conv = block.depthwise_conv.conv
        if dilation > 1:
            reach = dilation * (conv.kernel_size[0] // 2)
            conv.dilation, conv.padding = (dilation,) * 2, (reach,) * 2

    def forward(self, x):
        """Compute the features of the stages ``out_indices``."""
        features = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return tuple(features[i] for i in self.out_indices)
