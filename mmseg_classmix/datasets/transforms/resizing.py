"""Sizes: random in training, a choice in evaluation."""

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

SIZES = ('input_size', 'original_size')


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
        if size not in SIZES:
            raise ValueError(
                f'EvaluateAt size={size!r} (test_pipeline) must be one of '
                f'{", ".join(SIZES)}'
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
