"""The logits that student and teacher are compared by."""

import torch
from mmseg.models.decode_heads.cascade_decode_head import (
    BaseCascadeDecodeHead,
)
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from mmseg.models.segmentors.base import BaseSegmentor
from torch import Tensor, nn

#: Heads that give several outputs in training: which one they predict with.
MAIN_OUTPUT = dict(PIDHead=1, DDRHead=0, IterativeDecodeHead=-1)


def final_head(segmentor: BaseSegmentor) -> nn.Module | None:
    """Return the head that predicts; a cascade has several heads."""
    head = getattr(segmentor, 'decode_head', None)
    return head[-1] if isinstance(head, nn.ModuleList) else head


def full_logits(segmentor: BaseSegmentor, img: Tensor) -> Tensor:
    """Compute the logits that a segmentor predicts with, at image size.

    In training, they are those of its final head: auxiliary heads, earlier
    heads of a cascade and further outputs of a head learn from masks only.

    Args:
        segmentor: An mmseg segmentor, in any mode.
        img: (N, 3, H, W) float.

    Returns:
        (N, C, H, W) float, C > 1: a head with a single output channel gives
        those of two classes.

    Raises:
        ValueError: If the head has several outputs in training, and which of
            them it predicts with is not known.
    """
    # Unlabeled samples have no metainfo that could be passed on.
    metas = [dict(img_shape=img.shape[2:])] * len(img)
    if _predicts_as_usual(segmentor):
        head = final_head(segmentor)
        logits = head.predict_by_feat(_outputs(segmentor, img), metas)
    else:
        logits = segmentor.encode_decode(img, metas)
    return _for_classes(logits)


def low_resolution_logits(segmentor: BaseSegmentor, img: Tensor) -> Tensor:
    """Compute logits, at the size of the features where that is known.

    Args:
        segmentor: An mmseg segmentor.
        img: (N, 3, H, W) float.

    Returns:
        (N, C, h, w) float32, to be upsampled to (H, W) like the logits of
        training; a segmentor or a head that predicts in a way of its own
        gives them at (H, W).

    Raises:
        ValueError: As :func:`full_logits`.
    """
    if _predicts_as_usual(segmentor):
        logits = _for_classes(_outputs(segmentor, img))
    else:
        logits = full_logits(segmentor, img)
    # Under autocast 0.968 would become 0.96875. Kernels differ by layout.
    return logits.float().contiguous()


def _predicts_as_usual(segmentor: BaseSegmentor) -> bool:
    """Whether prediction is the output of the head, upsampled."""
    head = final_head(segmentor)
    return any(
        _is_stock(segmentor, kind, 'encode_decode')
        and _is_stock(segmentor, kind, '_forward')
        and _is_stock(head, base, 'predict')
        for kind, base in (
            (EncoderDecoder, BaseDecodeHead),
            (CascadeEncoderDecoder, BaseCascadeDecodeHead),
        )
    ) and _is_stock(head, BaseDecodeHead, 'predict_by_feat')


def _outputs(segmentor: BaseSegmentor, img: Tensor) -> Tensor:
    """Run the segmentor and choose the output that it predicts with."""
    outputs = segmentor._forward(img)
    if isinstance(outputs, Tensor):
        return outputs
    head = type(final_head(segmentor))
    for base in head.__mro__:
        if base.__name__ in MAIN_OUTPUT:
            return outputs[MAIN_OUTPUT[base.__name__]]
    raise ValueError(
        f'model.segmentor.decode_head {head.__name__} has {len(outputs)} '
        'outputs in training: say which one it predicts with, mmseg_classmix'
        f'.models.segmentors.logits.MAIN_OUTPUT[{head.__name__!r}] = 0 (in '
        'the file of the head), or let its predict choose'
    )


def _for_classes(logits: Tensor) -> Tensor:
    """Turn the logit of a class, if it is the only one, into two.

    The softmax of (0, z) is (1 - sigmoid(z), sigmoid(z)).
    """
    if logits.size(1) > 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], 1)


def _is_stock(instance: object, base: type, name: str) -> bool:
    method = getattr(instance, name, None)
    return getattr(method, '__func__', None) is getattr(base, name)
