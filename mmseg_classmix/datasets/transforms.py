"""Transforms of samples: sizes, and mixes of labeled samples."""

import mmcv
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmengine.dataset import BaseDataset
from mmseg.registry import TRANSFORMS

from mmseg_classmix.mixing.batch_mix import BatchMix

__all__ = ['EvaluateAt', 'RandomScale', 'SampleMix']


@TRANSFORMS.register_module()
class RandomScale(BaseTransform):
    """Scale an image and its mask by a random factor of its own size.

    Paper, section 4.1 (Pascal VOC: between 0.5 and 1.5). The stock
    ``RandomResize`` draws around one fixed size, which images of many sizes,
    as in VOC, would be brought to.

    Required keys: ``img`` and mmseg's fields. Everything that mmseg's
    ``Resize`` changes is changed.

    Args:
        ratio_range: Lowest and highest factor, drawn uniformly; both sides
            are rounded to whole pixels.
        **resize: Other arguments of mmseg's ``Resize``, such as ``backend``
            and ``interpolation`` of the image; masks are always resized by
            nearest neighbor.

    Raises:
        ValueError: Unless 0 < lowest <= highest.
    """

    def __init__(
        self, ratio_range: tuple[float, float] = (0.5, 1.5), **resize
    ) -> None:
        pair = isinstance(ratio_range, (tuple, list)) and len(ratio_range) == 2
        if not pair or not 0 < ratio_range[0] <= ratio_range[1]:
            raise ValueError(
                f'RandomScale ratio_range={ratio_range} (pipeline) must be '
                'two numbers, 0 < lowest <= highest'
            )
        self.ratio_range = tuple(ratio_range)
        self.resize = TRANSFORMS.build(dict(type='Resize', scale=1, **resize))

    @cache_randomness
    def _draw(self) -> float:
        return np.random.uniform(*self.ratio_range)

    def transform(self, results: dict) -> dict:
        """Resize ``img`` and the masks of ``results``."""
        ratio = self._draw()
        height, width = results['img'].shape[:2]
        self.resize.scale = tuple(
            max(round(side * ratio), 1) for side in (width, height)
        )
        return self.resize(results)

    def __repr__(self) -> str:
        return f'RandomScale(ratio_range={self.ratio_range})'


@TRANSFORMS.register_module()
class EvaluateAt(BaseTransform):
    """Choose the evaluation protocol of a test pipeline with one word.

    mmseg resizes the logits to ``ori_shape`` and compares with the mask. Put
    this transform after ``Resize`` of the image and ``LoadAnnotations``:

    - ``'input_size'``: the mask is resized to the size of the input by
      nearest neighbor and the logits are compared there, as in the published
      code for Cityscapes (512x1024);
    - ``'original_size'``: nothing changes, the logits are resized to the
      mask in its own resolution (1024x2048 for Cityscapes).

    Required keys: ``img`` (H, W, 3); ``gt_seg_map`` (optional) of the
    original size. Changed keys with ``'input_size'``: ``gt_seg_map`` (H, W),
    ``ori_shape`` becomes (H, W).

    Args:
        size: ``'input_size'`` or ``'original_size'``.
        backend: Library that resizes the mask, 'pillow' (the center of a
            pixel counts) or 'cv2' (its upper left corner).

    Raises:
        ValueError: If an argument has another value.
    """

    def __init__(
        self, size: str = 'original_size', backend: str = 'pillow'
    ) -> None:
        if size not in ('input_size', 'original_size'):
            raise ValueError(
                f'EvaluateAt size={size!r} (test_pipeline) must be one of '
                'input_size, original_size'
            )
        if backend not in ('pillow', 'cv2'):
            raise ValueError(
                f'EvaluateAt backend={backend!r} (test_pipeline) must be '
                "'pillow' or 'cv2'"
            )
        self.size, self.backend = size, backend

    def transform(self, results: dict) -> dict:
        """Bring mask and ``ori_shape`` to the size of ``img`` if asked to."""
        if self.size == 'original_size':
            return results
        height, width = results['img'].shape[:2]
        results['ori_shape'] = (height, width)
        if results.get('gt_seg_map') is not None:
            results['gt_seg_map'] = mmcv.imresize(
                results['gt_seg_map'],
                (width, height),
                interpolation='nearest',
                backend=self.backend,
            )
        return results

    def __repr__(self) -> str:
        return f'EvaluateAt(size={self.size!r}, backend={self.backend!r})'


@TRANSFORMS.register_module()
class SampleMix(BaseTransform):
    """Mix a labeled sample with another one of its dataset.

    For the pipeline of mmseg's ``MultiImageMixDataset``, which loads the
    partner. The sample is image A of :class:`BatchMix`, its partner image B;
    masks follow from the ground truth. Ignored pixels belong to no class:
    ClassMix never keeps them, and wherever a mix shows them they stay
    ignored. Samples meet at their upper left corners: beyond its partner a
    sample keeps its own pixels, and it keeps its size.

    Required keys: ``img`` (H, W, 3) or (H, W); ``gt_seg_map`` (H, W), as
    ``LoadAnnotations`` makes it (after ``reduce_zero_label`` and
    ``label_map``); ``seg_fields``; ``mix_results``, the loaded partner.
    Changed keys: ``img`` and all of ``seg_fields``.

    Args:
        mix: Config of the mix: ClassMix, CutMix, CowMix, or another one that
            draws its mask from labels.
        prob: Probability that a sample is mixed; of the others no partner is
            loaded.

    Raises:
        ValueError: If ``mix`` is no mix, or one of labeled into unlabeled
            images, or ``prob`` is outside [0, 1].
    """

    def __init__(self, mix: dict, prob: float = 0.5) -> None:
        self.mix = TRANSFORMS.build(mix)
        if not isinstance(self.mix, BatchMix):
            raise ValueError(
                f'SampleMix mix={mix} (pipeline) must be a mix, such as '
                "dict(type='ClassMix')"
            )
        if self.mix.source != 'unlabeled':
            raise ValueError(
                f'SampleMix mix={mix} (pipeline) mixes samples of one '
                "dataset: leave out 'source'"
            )
        if not 0 <= prob <= 1:
            raise ValueError(
                f'SampleMix prob={prob} (pipeline) must be in [0, 1]'
            )
        self.prob = prob

    def get_indices(self, dataset: BaseDataset) -> list[int]:
        """Draw whether to mix, and with which sample: one index, or none."""
        if len(dataset) < 2:
            raise ValueError(
                'SampleMix (pipeline of MultiImageMixDataset) needs a partner '
                f'for every sample, but {type(dataset).__name__} has '
                f'{len(dataset)}'
            )
        if np.random.rand() >= self.prob:
            return []
        return [np.random.randint(len(dataset))]

    def transform(self, results: dict) -> dict:
        """Mix the image and the masks with those of the partner."""
        if 'mix_results' not in results or 'gt_seg_map' not in results:
            raise ValueError(
                'SampleMix needs the masks of two samples: put it into the '
                'pipeline of MultiImageMixDataset, LoadAnnotations into that '
                'of the dataset inside'
            )
        if not results['mix_results']:
            return results
        (partner,) = results['mix_results']
        mask = self._draw_mask(results['gt_seg_map'])
        for key in ('img', *results['seg_fields']):
            results[key] = _paste(mask, results[key], partner[key])
        return results

    def _draw_mask(self, label: np.ndarray) -> np.ndarray:
        label = torch.from_numpy(label.astype(np.int64))
        batch = dict(
            pseudo_label=label[None],
            num_classes=int(label.max()) + 1,
            generator=None,
            # A sample is nobody's part, however many processes there are.
            shard=(0, 1),
        )
        return self.mix.draw_mask(batch)[0].numpy()

    def __repr__(self) -> str:
        name = type(self.mix).__name__
        return f'SampleMix(mix={name}, prob={self.prob})'


def _paste(mask: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Take y where the mask is False and y has pixels."""
    height, width = np.minimum(x.shape[:2], y.shape[:2])
    part = slice(height), slice(width)
    out = x.copy()
    out[part][~mask[part]] = y[part][~mask[part]]
    return out
