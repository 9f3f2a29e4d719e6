"""The head of DeepLab-v2: parallel dilated convolutions, summed."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_classmix.checkpoints.compare import check_pretrained


class DilationSumHead(BaseDecodeHead):
    """Sum of dilated 3x3 convolutions from the features to the classes.

    It needs nothing of this package: its source goes into exported configs.
    """

    def __init__(
        self,
        in_channels: int | Sequence[int],
        *,
        num_classes: int,
        dilations: Sequence[int],
        **kwargs,
    ) -> None:
        if kwargs.get('init_cfg') is None:
            kwargs['init_cfg'] = dict(type='Normal', layer='Conv2d', std=0.01)
        # Every branch classifies.
        kwargs.update(channels=num_classes, dropout_ratio=0)
        super().__init__(in_channels, num_classes=num_classes, **kwargs)
        # An unused layer would break distributed training.
        del self.conv_seg
        self.branches = nn.ModuleList(
            nn.Conv2d(
                self.in_channels, self.out_channels, 3, padding=d, dilation=d
            )
            for d in dilations
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Classify the positions of the feature map that ``in_index`` selects.

        Returns logits, (N, num_classes, h, w).
        """
        x = self._transform_inputs(inputs)
        logits = self.branches[0](x)
        for branch in self.branches[1:]:
            logits = logits + branch(x)
        return logits


@MODELS.register_module()
class DeepLabV2Head(DilationSumHead):
    """Sum of 3x3 convolutions to the classes (DeepLab-v2's ASPP-L).

    No batch norm, no dropout; weights N(0, 0.01), biases 0.

    Args:
        in_channels: Channels of the feature map.
        num_classes: Number of classes.
        dilations: Dilation, and padding, of every branch. The network of the
            published ClassMix code amounts to ``(6, 12)``.
        **kwargs: As for mmseg's ``BaseDecodeHead``; ``channels`` and
            ``dropout_ratio`` have no meaning here.

    Raises:
        ValueError: If ``dilations`` is empty or not positive.
    """

    def __init__(
        self,
        in_channels: int | Sequence[int],
        *,
        num_classes: int,
        dilations: Sequence[int] = (6, 12, 18, 24),
        **kwargs,
    ) -> None:
        if not isinstance(dilations, Sequence) or not all(
            isinstance(d, int) and d > 0 for d in (dilations or [0])
        ):
            raise ValueError(
                'decode_head.dilations must be a list of positive integers, '
                f'but got {dilations}'
            )
        super().__init__(
            in_channels, num_classes=num_classes, dilations=dilations, **kwargs
        )

    def check_weights(self) -> None:
        """Refuse pretrained weights, such as those of other classes.

        Raises a ``FileNotFoundError`` if they are not there, a ``ValueError``
        if they would be loaded in part.
        """
        check_pretrained(self, 'decode_head')

    def init_weights(self) -> None:
        """Load the pretrained weights, or draw weights if there are none."""
        self.check_weights()
        super().init_weights()

    def loss_by_feat(
        self, seg_logits: Tensor, batch_data_samples: list
    ) -> dict[str, Tensor]:
        """Compute losses and accuracy as mmseg does, without its waiting.

        mmseg selects the labeled pixels for its accuracy: the host waits for
        the device to know how many there are. ``seg_logits`` are (N,
        num_classes, h, w), the samples have ``gt_sem_seg``; 'acc_seg' is the
        share of the labeled pixels that is right in percent.
        """
        label = self._stack_batch_gt(batch_data_samples)
        logits = resize(
            seg_logits,
            label.shape[2:],
            mode='bilinear',
            align_corners=self.align_corners,
        )
        weight = self.sampler and self.sampler.sample(logits, label)
        label = label.squeeze(1)
        single = not isinstance(self.loss_decode, nn.ModuleList)
        losses = {}
        for loss in [self.loss_decode] if single else self.loss_decode:
            value = loss(
                logits, label, weight=weight, ignore_index=self.ignore_index
            )
            losses[loss.loss_name] = losses.get(loss.loss_name, 0) + value
        labeled = label != self.ignore_index
        right = (logits.argmax(1) == label) & labeled
        share = right.sum() / labeled.sum().clamp(min=1)
        return dict(losses, acc_seg=100 * share)
