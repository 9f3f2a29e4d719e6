"""The head of DeepLab-v2: parallel dilated convolutions, summed."""

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import nn


@MODELS.register_module(force=True)
class DilationSumHead(BaseDecodeHead):
    """Sum of dilated 3x3 convolutions from the features to the classes."""

    def __init__(self, dilations, **kwargs) -> None:
        init_cfg = dict(type='Normal', layer='Conv2d', std=0.01)
        super().__init__(init_cfg=init_cfg, **kwargs)
        # Every branch classifies.
        del self.conv_seg
        self.branches = nn.ModuleList(
            nn.Conv2d(
                self.in_channels, self.out_channels, 3, padding=d, dilation=d
            )
            for d in dilations
        )

    def forward(self, inputs):
        """Classify every position of the feature map."""
        x = self._transform_inputs(inputs)
        return sum(branch(x) for branch in self.branches)
