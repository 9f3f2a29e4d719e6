"""Mixing of a batch of unlabeled images with their neighbors."""

from abc import abstractmethod

import torch
import torch.distributed as dist
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


def next_in_batch(x: Tensor) -> Tensor:
    """Take for every image its partner, (i + 1) % B of the global batch.

    The ring goes over all processes: the last image of a rank is paired with
    the first image of the next rank. Every rank sends one image, however many
    ranks there are.

    Args:
        x: (N, ...); the same shape and dtype on every rank.

    Returns:
        The partners, the shape and dtype of ``x``.
    """
    rank, world_size = get_dist_info()
    if world_size == 1:
        return x.roll(-1, 0)
    first = x[:1].contiguous()
    received = torch.empty_like(first)
    requests = dist.batch_isend_irecv(
        [
            dist.P2POp(dist.isend, first, (rank - 1) % world_size),
            dist.P2POp(dist.irecv, received, (rank + 1) % world_size),
        ]
    )
    for request in requests:
        request.wait()
    return torch.cat([x[1:], received])


class BatchMix(BaseTransform):
    """Mix every image, label and confidence of a batch with its partner.

    Required keys:

    - img: (N, 3, H, W) float
    - pseudo_label: (N, H, W) int64
    - confidence: (N, H, W) float
    - prob: (N, C, H, W) float, optional
    - num_classes: int
    - generator: ``torch.Generator`` in the same state on all ranks, optional;
      the global one is used without it
    - ignore_index: int, optional

    The tensors are mixed, and ``mask`` (N, H, W) bool is added: True where an
    image keeps its own pixels (paper, section 3.1).
    """

    mixed_keys = ('img', 'pseudo_label', 'confidence', 'prob')

    @abstractmethod
    def draw_mask(self, batch: dict) -> Tensor:
        """Draw the mask of every image, (N, H, W) bool."""

    def transform(self, batch: dict) -> dict:
        """Mix a batch; the tensors of ``batch`` are not changed."""
        mask = self.draw_mask(batch)
        mixed = dict(batch, mask=mask)
        for key in self.mixed_keys:
            if key in batch:
                x = batch[key]
                keep = mask if x.dim() == 3 else mask[:, None]
                mixed[key] = torch.where(keep, x, next_in_batch(x))
        return mixed


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
        label = batch['pseudo_label']
        ignore_index = batch.get('ignore_index', self.ignore_index)
        return class_mask(
            # With more than 255 classes the ignored label is one of them.
            label.masked_fill(label == ignore_index, -1),
            batch['num_classes'],
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
