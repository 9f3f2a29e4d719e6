"""Mixing of a batch of unlabeled images with their neighbors."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from mmcv.transforms import BaseTransform
from mmengine.dist import get_dist_info
from mmseg.registry import TRANSFORMS
from torch import Tensor

from mmseg_classmix.datasets.transforms.masks import (
    check_cow,
    check_cut,
    class_mask,
    cow_mask,
    cut_mask,
)
from mmseg_classmix.datasets.transforms.ring import NextFirst


class BatchMix(BaseTransform):
    """Mix every image, label and confidence of a batch with its partner.

    Required keys:

    - img: (N, 3, H, W) float
    - pseudo_label: (N, H, W) int64
    - confidence: (N, H, W) float
    - prob: (N, C, H, W) float, optional
    - hidden_label: (N, H, W) int64, optional
    - num_classes: int
    - generator: ``torch.Generator`` in the same state on all ranks, optional;
      the global one is used without it
    - ignore_index: int, optional; other labels are in [0, num_classes)
    - next_img: :class:`NextFirst` of ``img``, optional: under way already

    The tensors are mixed, and ``mask`` (N, H, W) bool is added: True where an
    image keeps its own pixels (paper, section 3.1).
    """

    mixed_keys = ('img', 'pseudo_label', 'confidence', 'prob', 'hidden_label')

    @abstractmethod
    def draw_mask(self, batch: dict) -> Tensor:
        """Draw the mask of every image, (N, H, W) bool."""

    @torch.no_grad()
    def transform(self, batch: dict) -> dict:
        """Mix a batch; the tensors of ``batch`` are not changed."""
        mixed = dict(batch)
        under_way = mixed.pop('next_img', None) or NextFirst(batch['img'])
        keys = [key for key in self.mixed_keys[1:] if key in batch]
        others = NextFirst(*(_compact(batch, key) for key in keys))
        mixed['mask'] = mask = self.draw_mask(batch)
        received = under_way.wait() + others.wait()
        for key, last in zip(['img', *keys], received, strict=True):
            mixed[key] = _paste(batch[key], mask, last)
        return mixed


def send_images(transforms: Sequence, img: Tensor) -> dict[str, NextFirst]:
    """Start to exchange images that are mixed later, while others compute.

    Args:
        transforms: Transforms of the batch, the same on every rank.
        img: (N, 3, H, W) float; must not change before the mix.

    Returns:
        ``next_img`` for the batch; nothing where no mix comes first, because
        another transform could change the images.
    """
    mixed = len(transforms) > 0 and isinstance(transforms[0], BatchMix)
    return dict(next_img=NextFirst(img)) if mixed else {}


def _compact(batch: dict, key: str) -> Tensor:
    """Labels in bytes where they fit: an eighth to send."""
    x = batch[key]
    labels = (batch['num_classes'] - 1, batch.get('ignore_index', -1))
    fits = key == 'pseudo_label' and all(0 <= n <= 255 for n in labels)
    return x[:1].byte() if fits else x


def _paste(x: Tensor, mask: Tensor, last: Tensor) -> Tensor:
    """Take the partner of every image where the mask is False.

    Args:
        x: (N, ..., H, W).
        mask: (N, H, W) bool.
        last: Partner of the last image, (1, ..., H, W).
    """
    keep = mask if x.dim() == 3 else mask[:, None]
    last = last.to(x.dtype)
    pick = torch.where
    if x.is_floating_point():
        # Without a branch for every pixel, and exact for finite numbers.
        keep, pick = keep.to(x.dtype), _interpolate
    out = torch.empty_like(x)
    pick(keep[:-1], x[:-1], x[1:], out=out[:-1])
    pick(keep[-1:], x[-1:], last, out=out[-1:])
    return out


def _interpolate(weight: Tensor, x: Tensor, y: Tensor, out: Tensor) -> None:
    torch.lerp(y, x, weight, out=out)


@TRANSFORMS.register_module()
class ClassMix(BatchMix):
    """Paste half of the predicted classes of an image on its partner.

    Paper, section 3.1 and algorithm 1. See :class:`BatchMix` for the keys.

    Args:
        ignore_index: Label without a class, where the batch does not name
            one itself.
    """

    def __init__(self, ignore_index: int = 255) -> None:
        self.ignore_index = ignore_index

    def draw_mask(self, batch: dict) -> Tensor:
        """Draw from the classes that the pseudo-labels show."""
        label, num_classes = batch['pseudo_label'], batch['num_classes']
        ignore_index = batch.get('ignore_index', self.ignore_index)
        # With more than 255 classes the ignored label is one of them.
        if ignore_index < num_classes:
            label = label.masked_fill(label == ignore_index, -1)
        return class_mask(
            label,
            num_classes,
            batch.get('generator'),
            get_dist_info(),
        )


@TRANSFORMS.register_module()
class CutMix(BatchMix):
    """Paste a box of the partner on every image (Table 3).

    See :class:`BatchMix` for the keys.

    Args:
        area: Share of the image that the box covers, in (0, 1].

    Raises:
        ValueError: If ``area`` is out of range.
    """

    def __init__(self, area: float = 0.5) -> None:
        check_cut(area)
        self.area = area

    def draw_mask(self, batch: dict) -> Tensor:
        """Draw a box for every image."""
        label = batch['pseudo_label']
        return cut_mask(
            tuple(label.shape),
            self.area,
            batch.get('generator'),
            label.device,
            get_dist_info(),
        )


@TRANSFORMS.register_module()
class CowMix(BatchMix):
    """Mix along the level lines of smoothed noise (Table 3).

    See :class:`BatchMix` for the keys.

    Args:
        sigma: Range of the Gaussian's standard deviation in pixels.
        p: Quantile of the noise above which an image keeps its pixels.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self, sigma: tuple[float, float] = (8.0, 32.0), p: float = 0.5
    ) -> None:
        check_cow(sigma, p)
        self.sigma = tuple(sigma)
        self.p = p

    def draw_mask(self, batch: dict) -> Tensor:
        """Draw a noise field for every image."""
        label = batch['pseudo_label']
        return cow_mask(
            tuple(label.shape),
            self.sigma,
            self.p,
            batch.get('generator'),
            label.device,
            get_dist_info(),
        )
