"""Choice of the size at which predictions meet the ground truth."""

import mmcv
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

SIZES = ('input_size', 'original_size')


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
