"""From the logits of a teacher to labels, without its probabilities."""

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.segmentors.base import BaseSegmentor
from torch import Tensor

from mmseg_classmix.models.segmentors.upsampling import upsampled_rows


def low_resolution_logits(segmentor: BaseSegmentor, img: Tensor) -> Tensor:
    """Compute logits, at the size of the features where that is known.

    Args:
        segmentor: An mmseg segmentor.
        img: (N, 3, H, W) float.

    Returns:
        (N, C, h, w) float32, to be upsampled to (H, W) like the logits of
        training; a segmentor or a head that predicts in a way of its own
        gives them at (H, W).
    """
    head = getattr(segmentor, 'decode_head', None)
    if _is_stock(segmentor, EncoderDecoder, 'encode_decode') and all(
        _is_stock(head, BaseDecodeHead, name)
        for name in ('predict', 'predict_by_feat')
    ):
        logits = head.forward(segmentor.extract_feat(img))
    else:
        logits = full_logits(segmentor, img)
    # Under autocast 0.968 would become 0.96875. Kernels differ by layout.
    return logits.float().contiguous()


def full_logits(segmentor: BaseSegmentor, img: Tensor) -> Tensor:
    """Compute logits at image size, (N, C, H, W).

    Unlabeled samples have no metainfo that could be passed on.
    """
    metas = [dict(img_shape=img.shape[2:])] * len(img)
    return segmentor.encode_decode(img, metas)


@torch.no_grad()
def label_and_confidence(
    logits: Tensor, size: torch.Size, align_corners: bool
) -> tuple[Tensor, Tensor]:
    """Take argmax and maximum of the softmax of upsampled logits.

    A few rows of one image at a time: on the CPU they stay in its cache, and
    probabilities of a whole image are never in memory. Labels are those of
    ``upsample(...).argmax(1)``.

    Args:
        logits: (N, C, h, w) float32.
        size: (H, W).
        align_corners: How logits are upsampled.

    Returns:
        Label, (N, H, W) int64 in [0, C), the lowest where several classes
        are equal; confidence, (N, H, W) float32 in [1 / C, 1].
    """
    num_classes = logits.size(1)
    shape = (len(logits), *size)
    label = logits.new_empty(shape, dtype=torch.int64)
    confidence = logits.new_empty(shape)
    # The first of several equal classes weighs most.
    order = torch.arange(num_classes, 0, -1, device=logits.device)
    order = order.view(-1, 1, 1).to(logits.dtype)
    for i in range(len(logits)):
        for rows, x in upsampled_rows(logits[i], size, align_corners):
            highest = x.amax(0)
            # In place and as a float: results of type bool are slow.
            equal = torch.eq(x, highest, out=torch.empty_like(x))
            # No class is equal to what is not a number.
            first = equal.mul_(order).amax(0).clamp_(min=1)
            label[i, rows] = num_classes - first
            total = x.sub_(highest).exp_().sum(0)
            torch.reciprocal(total, out=confidence[i, rows])
    return label, confidence


def _is_stock(instance: object, base: type, name: str) -> bool:
    method = getattr(instance, name, None)
    return getattr(method, '__func__', None) is getattr(base, name)
