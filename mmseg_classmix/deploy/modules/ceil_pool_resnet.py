"""A ResNet whose max-pool rounds its size up, as DeepLab-v2 has it."""

from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS


@MODELS.register_module(force=True)
class CeilPoolResNet(ResNet):
    """mmseg's ResNet, but for the rounding of its max-pool."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.maxpool.ceil_mode = True
