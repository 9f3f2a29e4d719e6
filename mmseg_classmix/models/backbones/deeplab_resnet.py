"""The backbone of DeepLab-v2: a dilated ResNet, its norms half frozen."""

from collections.abc import Sequence

from mmcv.cnn import is_norm
from mmseg.models.backbones import ResNet
from mmseg.models.backbones.resnet import Bottleneck
from mmseg.registry import MODELS

from mmseg_classmix.checkpoints.compare import check_pretrained
from mmseg_classmix.models.frozen_param_filter import (
    hide_frozen_param_warnings,
)


class CeilPoolResNet(ResNet):
    """mmseg's ResNet, but for its max-pool, which rounds its size up.

    It needs nothing of this package: its source goes into exported configs.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.maxpool.ceil_mode = True


@MODELS.register_module()
class DeepLabResNet(CeilPoolResNet):
    """ResNet of output stride 8 as DeepLab-v2 has it (paper, section 4.1).

    The max-pool rounds its output size up: a 512x1024 image gives 65x129
    features. Normalization trains nothing but its statistics. The defaults
    are those of DeepLab-v2, not of mmseg's ``ResNet``, so that the name of
    the class means one network; ``forward`` is mmseg's.

    Args:
        depth: 18, 34, 50, 101 or 152.
        strides: Stride of every stage.
        dilations: Dilation of every stage.
        style: 'caffe' has the stride of a bottleneck in its first 1x1
            convolution, 'pytorch' in the 3x3: take what the pretrained
            weights were trained with.
        contract_dilation: Whether the first block of a dilated stage has
            half the dilation; in DeepLab-v2 it has all of it.
        freeze_norm_affine: Whether weights and biases of the norm layers are
            constants. Their statistics are not: those follow the batches.
        **kwargs: As for mmseg's ``ResNet``; ``zero_init_residual`` is False
            by default.

    Raises:
        ValueError: If ``zero_init_residual`` starts norm weights at zero and
            ``freeze_norm_affine`` keeps them there.
    """

    def __init__(
        self,
        depth: int,
        *,
        strides: Sequence[int] = (1, 2, 1, 1),
        dilations: Sequence[int] = (1, 1, 2, 4),
        style: str = 'caffe',
        contract_dilation: bool = False,
        freeze_norm_affine: bool = True,
        **kwargs,
    ) -> None:
        kwargs.setdefault('zero_init_residual', False)
        if freeze_norm_affine and kwargs['zero_init_residual']:
            raise ValueError(
                'backbone.zero_init_residual=True with freeze_norm_affine='
                'True switches every residual block off for good: set one of '
                'them to False'
            )
        super().__init__(
            depth,
            strides=strides,
            dilations=dilations,
            style=style,
            contract_dilation=contract_dilation,
            **kwargs,
        )
        if freeze_norm_affine:
            for module in self.modules():
                if is_norm(module):
                    module.requires_grad_(False)
            hide_frozen_param_warnings()

    def check_weights(self) -> None:
        """Refuse pretrained weights that do not fit this network.

        Raises a ``FileNotFoundError`` if they are not there, a ``ValueError``
        if they would be loaded in part or were trained with the other
        ``style``.
        """
        style = check_pretrained(self, 'backbone').get('style', self.style)
        if style != self.style and self.block is Bottleneck:
            raise ValueError(
                f'backbone.style={self.style!r}, but the weights of '
                f'backbone.init_cfg are for style={style!r}: they would fit '
                'and be wrong. Change backbone.style, and with it the mean, '
                'std and channel order of data_preprocessor: see '
                'docs/pretrained_weights.md'
            )

    def init_weights(self) -> None:
        """Load the pretrained weights, or draw weights if there are none."""
        self.check_weights()
        super().init_weights()

    def train(self, mode: bool = True) -> 'DeepLabResNet':
        """Set the mode; unlike mmseg's ``ResNet``, return the network."""
        super().train(mode)
        return self
