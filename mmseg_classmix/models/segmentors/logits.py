"""Logits at image size, and the labels in them."""

from collections.abc import Iterator
from functools import lru_cache

import torch
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from mmseg.models.segmentors.base import BaseSegmentor
from torch import Tensor, nn
from torch.nn import functional as F

#: Heads that give several outputs in training: which one they predict with.
MAIN_OUTPUT = dict(PIDHead=1, DDRHead=0, IterativeDecodeHead=-1)
#: Numbers of a block of rows: 1 MiB of float32 fits the cache of a core.
BLOCK = 2**18


def final_head(segmentor: BaseSegmentor) -> nn.Module | None:
    """Return the head that predicts; a cascade has several heads."""
    head = getattr(segmentor, 'decode_head', None)
    return head[-1] if isinstance(head, nn.ModuleList) else head


def full_logits(segmentor: BaseSegmentor, img: Tensor) -> Tensor:
    """Compute the logits that a segmentor predicts with, at image size.

    In training, they are those of its final head: auxiliary heads, earlier
    heads of a cascade and further outputs of a head learn from masks only.
    Returns (N, C, H, W), C > 1: a head with a single output channel gives
    those of two classes.
    """
    # Unlabeled samples have no metainfo that could be passed on.
    metas = [dict(img_shape=img.shape[2:])] * len(img)
    if not _predicts_as_usual(segmentor):
        return _for_classes(segmentor.encode_decode(img, metas))
    outputs = _outputs(segmentor, img)
    head = final_head(segmentor)
    return _for_classes(head.predict_by_feat(outputs, metas))


def low_resolution_logits(segmentor: BaseSegmentor, img: Tensor) -> Tensor:
    """Compute them at the size of the features where that is known.

    Returns (N, C, h, w) float32, to be upsampled to (H, W) like the logits of
    training; a segmentor or a head that predicts in a way of its own gives
    them at (H, W).
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


@torch.no_grad()
def label_and_confidence(
    logits: Tensor, size: torch.Size, align_corners: bool
) -> tuple[Tensor, Tensor]:
    """Take argmax and maximum of the softmax of upsampled logits.

    A few rows of one image at a time: on the CPU they stay in its cache, and
    probabilities of a whole image are never in memory. Labels are those of
    ``upsample(...).argmax(1)``.

    Returns label, (N, H, W) int64, the lowest where several classes are equal;
    confidence, (N, H, W) float32 in [1 / C, 1].
    """
    num_classes = logits.size(1)
    confidence = logits.new_empty((len(logits), *size))
    label = torch.empty_like(confidence, dtype=torch.int64)
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


def upsample(logits: Tensor, size: torch.Size, align_corners: bool) -> Tensor:
    """Upsample logits (N, C, h, w) to (N, C, H, W), bilinearly."""
    return F.interpolate(
        logits, size, mode='bilinear', align_corners=align_corners
    )


def upsampled_rows(
    logits: Tensor, size: torch.Size, align_corners: bool
) -> Iterator[tuple[slice, Tensor]]:
    """Upsample the logits (C, h, w) of one image, a few rows at a time.

    Yields rows of the image and their logits (C, rows, W), bit for bit those
    of :func:`upsample`; the caller may change them.
    """
    how = tuple(size), align_corners
    if logits.device.type == 'cpu' and _rows_are_exact(logits.shape, *how):
        yield from _by_rows(logits, *how)
    else:
        # A GPU would wait for the launch of many small kernels.
        yield slice(None), _whole(logits, *how)


def _by_rows(
    logits: Tensor, size: tuple, align_corners: bool
) -> Iterator[tuple[slice, Tensor]]:
    height, width = size
    wide = _whole(logits, (logits.size(1), width), align_corners)
    top, bottom, share = _neighbors(logits.size(1), height, align_corners)
    count = max(BLOCK // (len(logits) * width), 1)
    for start in range(0, height, count):
        rows = slice(start, start + count)
        # above * (1 - share) + below * share, rounded like torch's kernel.
        x = wide.index_select(1, bottom[rows]).mul_(share[rows])
        above = wide.index_select(1, top[rows])
        yield rows, x.addcmul_(above, 1 - share[rows])


def _whole(logits: Tensor, size: tuple, align_corners: bool) -> Tensor:
    return upsample(logits[None], size, align_corners)[0]


def _neighbors(
    small: int, large: int, align_corners: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Find the rows above and below each row, and the share of the latter."""
    place = torch.arange(large, dtype=torch.float32)
    if align_corners:
        place *= torch.tensor(small - 1.0) / max(large - 1, 1)
    else:
        scale = torch.tensor(float(small)) / large
        place = ((place + 0.5) * scale - 0.5).clamp_(min=0)
    top = place.long().clamp_(max=small - 1)
    bottom = (top + 1).clamp_(max=small - 1)
    return top, bottom, (place - top).clamp_(0, 1)[:, None]


@lru_cache
def _rows_are_exact(
    shape: tuple[int, int, int], size: tuple[int, int], align_corners: bool
) -> bool:
    """Try it: other processors and small images may be rounded otherwise."""
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(shape, generator=generator)
    full = _whole(sample, size, align_corners)
    return all(
        torch.equal(x, full[:, rows])
        for rows, x in _by_rows(sample, size, align_corners)
    )
