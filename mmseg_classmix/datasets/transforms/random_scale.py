"""Random scaling relative to the size of each image."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS


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
