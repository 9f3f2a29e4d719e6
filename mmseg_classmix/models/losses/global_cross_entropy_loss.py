"""Cross entropy, averaged over the labeled pixels of all processes."""

from mmengine.dist import all_reduce
from mmseg.models.losses import CrossEntropyLoss
from mmseg.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class GlobalCrossEntropyLoss(CrossEntropyLoss):
    """Mean cross entropy over the non-ignored pixels of the global batch.

    mmseg's ``avg_non_ignore=True`` divides by the labeled pixels of one rank,
    so that a pixel beside a large ignored area counts more the more processes
    share a batch; it also waits for the device. Here N processes compute the
    loss of one, and a batch without any labeled pixel has a loss of 0.

    Args:
        class_weight: Factor of every class; the sum of the weighted pixels is
            divided by the number of pixels. None: all are 1.
        loss_weight: Factor of the loss.
        loss_name: Name of the loss in the log.
    """

    def __init__(
        self,
        class_weight: list[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ce',
    ) -> None:
        super().__init__(
            class_weight=class_weight,
            loss_weight=loss_weight,
            loss_name=loss_name,
            avg_non_ignore=True,
        )

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        **kwargs,
    ) -> Tensor:
        """Compute the loss, a scalar, as mmseg's ``CrossEntropyLoss`` does.

        ``cls_score`` are logits, (N, C, H, W), ``label`` (N, H, W) int64,
        ``weight`` that of every pixel, (N, H, W), or None. Pixels with
        ``ignore_index`` do not count.
        """
        num_valid = (label != ignore_index).sum().float()
        all_reduce(num_valid, op='mean')
        return super().forward(
            cls_score,
            label,
            weight,
            avg_factor=num_valid,
            ignore_index=ignore_index,
            **kwargs,
        )
