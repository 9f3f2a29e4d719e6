"""Mixing of a batch of unlabeled images with neighbors or labeled ones."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from mmcv.transforms import BaseTransform
from mmengine.dist import get_dist_info
from mmseg.registry import TRANSFORMS
from torch import Tensor

from mmseg_classmix.mixing.masks import (
    check_cow,
    check_cut,
    class_mask,
    cow_mask,
    cut_mask,
)
from mmseg_classmix.mixing.ring import NextFirst

SOURCES = ('unlabeled', 'labeled')
# What a mix with labeled images keeps of the unlabeled ones.
BEFORE = ('pseudo_label', 'confidence', 'hidden_label')


class BatchMix(BaseTransform):
    """Mix every image, label and confidence of a batch with its partner.

    Of every pair, image A keeps its pixels where ``mask`` is True; the others
    are those of image B. One image comes out for every one of the batch:

    - ``source='unlabeled'``: A is the image, B the next one of the global
      batch (ClassMix, section 3.1);
    - ``source='labeled'``: A is a labeled image with its ground truth, B the
      image of the batch (DACS). See :func:`labeled_partners`.

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
    - labeled: with ``source='labeled'``, ``dict(img=..., label=...)`` of the
      M labeled images of this process, (M, 3, H, W) and (M, H, W) int64
    - shard: (rank, world_size) of the batch, optional; that of the process

    The tensors of ``mixed_keys`` are mixed, and ``mask`` (N, H, W) bool is
    added. ``source='labeled'`` also adds what losses weigh by:

    - ground_truth: (N, H, W) bool, True where labels are no pseudo-labels
    - unlabeled: dict with ``pseudo_label``, ``confidence`` and, if there,
      ``hidden_label`` of the images before the mix

    Args:
        source: 'unlabeled' or 'labeled'.

    Raises:
        ValueError: If ``source`` is another one.
    """

    mixed_keys = ('img', 'pseudo_label', 'confidence', 'prob', 'hidden_label')
    # A subclass need not call __init__.
    source = 'unlabeled'

    def __init__(self, source: str = 'unlabeled') -> None:
        if source not in SOURCES:
            raise ValueError(
                f'{type(self).__name__} source={source!r} '
                '(model.batch_transforms) must be one of '
                f'{", ".join(SOURCES)}'
            )
        self.source = source

    @abstractmethod
    def draw_mask(self, batch: dict) -> Tensor:
        """Draw the masks, (N, H, W) bool.

        ``batch`` is that of images A, with the keys above; ``generator`` and
        ``shard`` are there in any case.
        """

    @torch.no_grad()
    def transform(self, batch: dict) -> dict:
        """Mix a batch; the tensors of ``batch`` are not changed."""
        keys = [key for key in self.mixed_keys if key in batch]
        if self.source == 'labeled':
            return self._paste_labeled(batch, keys)
        return self._mix_neighbors(batch, keys)

    def _draw(self, batch: dict) -> Tensor:
        shard = batch.get('shard') or get_dist_info()
        return self.draw_mask({'generator': None, **batch, 'shard': shard})

    def _mix_neighbors(self, batch: dict, keys: list[str]) -> dict:
        mixed = dict(batch)
        under_way = mixed.pop('next_img', None) or NextFirst(batch['img'])
        others = NextFirst(*(_compact(batch, key) for key in keys[1:]))
        mixed['mask'] = mask = self._draw(batch)
        received = under_way.wait() + others.wait()
        for key, last in zip(keys, received, strict=True):
            mixed[key] = _paste_ring(mask, batch[key], last)
        return mixed

    def _paste_labeled(self, batch: dict, keys: list[str]) -> dict:
        labeled = labeled_partners(batch, keys)
        mask = self._draw({**batch, **labeled})
        before = {key: batch[key] for key in BEFORE if key in batch}
        mixed = dict(batch, mask=mask, ground_truth=mask, unlabeled=before)
        for key in keys:
            mixed[key] = paste(mask, labeled[key], batch[key])
        return mixed


def mix_sources(transforms: Sequence) -> set[str]:
    """List where the mixes among transforms of a batch take image A from."""
    sources = [x.source for x in transforms if isinstance(x, BatchMix)]
    if 'labeled' in sources[:-1]:
        raise ValueError(
            "model.batch_transforms: a mix with source='labeled' has to be "
            f'the last mix, but the sources are {", ".join(sources)}'
        )
    return set(sources)


def send_images(transforms: Sequence, img: Tensor) -> dict[str, NextFirst]:
    """Start to exchange images that are mixed later, while others compute.

    Returns ``next_img`` for the batch, whose images must not change before the
    mix; nothing where no mix of neighbors comes first, because another
    transform could change them.
    """
    first = transforms[0] if len(transforms) else None
    ring = isinstance(first, BatchMix) and first.source == 'unlabeled'
    return dict(next_img=NextFirst(img)) if ring else {}


def labeled_partners(batch: dict, keys: Sequence[str]) -> dict[str, Tensor]:
    """Take a labeled image for every unlabeled one, with what is known of it.

    Of M labeled and N unlabeled images in a process, unlabeled image i gets
    labeled image floor(i M / N): any two counts fit, nothing has to be sent,
    and N processes pair as one does.

    Args:
        batch: The keys of :class:`BatchMix`, ``labeled`` among them.
        keys: Entries of ``batch`` that are mixed.

    Returns:
        N images for every key: the image; the ground truth for labels; 1 for
        the confidence, and 0 where the ground truth is ignored; likewise
        one-hot probabilities. Of other keys ``labeled`` has the value itself.

    Raises:
        ValueError: If ``labeled`` is missing, or lacks one of the keys.
    """
    if 'labeled' not in batch:
        raise ValueError(
            "a mix with source='labeled' (model.batch_transforms) needs the "
            "batch's key 'labeled', which MeanTeacherSegmentor.loss adds"
        )
    labeled, count = batch['labeled'], len(batch['img'])
    partners = {key: _for_each(x, count) for key, x in labeled.items()}
    label = partners['label']
    known = label != batch.get('ignore_index', 255)
    partners.update(pseudo_label=label, hidden_label=label)
    partners['confidence'] = known.to(batch['confidence'].dtype)
    if 'prob' in keys:
        classes = torch.arange(batch['num_classes'], device=label.device)
        one_hot = known[:, None] & (label[:, None] == classes.view(-1, 1, 1))
        partners['prob'] = one_hot.to(batch['prob'].dtype)
    if unknown := [key for key in keys if key not in partners]:
        raise ValueError(
            f"a mix with source='labeled' does not know {unknown} (of its "
            "mixed_keys) of labeled images: add them to the batch's 'labeled'"
        )
    return {key: partners[key] for key in keys}


def _for_each(x: Tensor, count: int) -> Tensor:
    """Spread the rows of a tensor evenly over a number of rows."""
    if len(x) == count:
        return x
    # Made on the device: a list would have to be sent there.
    return x[torch.arange(count, device=x.device) * len(x) // count]


def paste(
    mask: Tensor, x: Tensor, y: Tensor, out: Tensor | None = None
) -> Tensor:
    """Take x where the mask (N, H, W) is True and y where it is False.

    Both are (N, H, W) or (N, C, H, W); what is a float has to be finite.
    """
    out = torch.empty_like(x) if out is None else out
    keep = mask if x.dim() == 3 else mask[:, None]
    if x.is_floating_point():
        # Without a branch for every pixel, and exact for finite numbers.
        return torch.lerp(y, x, keep.to(x.dtype), out=out)
    return torch.where(keep, x, y, out=out)


def _paste_ring(mask: Tensor, x: Tensor, last: Tensor) -> Tensor:
    """Take the next image where the mask is False, after the last ``last``."""
    out = torch.empty_like(x)
    paste(mask[:-1], x[:-1], x[1:], out[:-1])
    paste(mask[-1:], x[-1:], last.to(x.dtype), out[-1:])
    return out


def _compact(batch: dict, key: str) -> Tensor:
    """Labels in bytes where they fit: an eighth to send."""
    x = batch[key]
    labels = (batch['num_classes'] - 1, batch.get('ignore_index', -1))
    fits = key == 'pseudo_label' and all(0 <= n <= 255 for n in labels)
    return x[:1].byte() if fits else x


@TRANSFORMS.register_module()
class ClassMix(BatchMix):
    """Paste half of the classes of image A on image B.

    Paper, section 3.1 and algorithm 1. See :class:`BatchMix` for A, B and
    the keys. Ignored pixels of A are never pasted.

    Args:
        ignore_index: Label without a class, where the batch does not name
            one itself.
        source: See :class:`BatchMix`.
        round_up: Whether the larger half of an odd number of classes is
            pasted, as DACS does; the paper of ClassMix rounds down.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        source: str = 'unlabeled',
        round_up: bool = False,
    ) -> None:
        super().__init__(source)
        self.ignore_index = ignore_index
        self.round_up = round_up

    def draw_mask(self, batch: dict) -> Tensor:
        """Draw from the classes that the labels of A show."""
        label, num_classes = batch['pseudo_label'], batch['num_classes']
        ignore_index = batch.get('ignore_index', self.ignore_index)
        # With more than 255 classes the ignored label is one of them.
        if ignore_index < num_classes:
            label = label.masked_fill(label == ignore_index, -1)
        return class_mask(
            label,
            num_classes,
            batch['generator'],
            batch['shard'],
            self.round_up,
        )


@TRANSFORMS.register_module()
class CutMix(BatchMix):
    """Paste a box of image B on image A (Table 3).

    See :class:`BatchMix` for A, B and the keys.

    Args:
        area: Share of the image that the box covers, in (0, 1].
        source: See :class:`BatchMix`.

    Raises:
        ValueError: If ``area`` is out of range.
    """

    def __init__(self, area: float = 0.5, source: str = 'unlabeled') -> None:
        super().__init__(source)
        check_cut(area)
        self.area = area

    def draw_mask(self, batch: dict) -> Tensor:
        """Draw a box for every image."""
        return cut_mask(area=self.area, **_place(batch))


@TRANSFORMS.register_module()
class CowMix(BatchMix):
    """Mix along the level lines of smoothed noise (Table 3).

    See :class:`BatchMix` for A, B and the keys.

    Args:
        sigma: Range of the Gaussian's standard deviation in pixels.
        p: Quantile of the noise above which image A keeps its pixels.
        source: See :class:`BatchMix`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        sigma: tuple[float, float] = (8.0, 32.0),
        p: float = 0.5,
        source: str = 'unlabeled',
    ) -> None:
        super().__init__(source)
        check_cow(sigma, p)
        self.sigma = tuple(sigma)
        self.p = p

    def draw_mask(self, batch: dict) -> Tensor:
        """Draw a noise field for every image."""
        return cow_mask(sigma=self.sigma, p=self.p, **_place(batch))


def _place(batch: dict) -> dict:
    """What masks without classes are drawn for."""
    return dict(
        shape=tuple(batch['pseudo_label'].shape),
        generator=batch['generator'],
        device=batch['pseudo_label'].device,
        shard=batch['shard'],
    )
