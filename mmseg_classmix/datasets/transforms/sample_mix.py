"""Mixes of labeled samples, for any supervised training."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import BaseDataset
from mmseg.registry import TRANSFORMS

from mmseg_classmix.mixing.batch_mix import BatchMix


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
        """Draw whether to mix, and with which sample.

        Args:
            dataset: What the samples come from.

        Returns:
            One index, or none.

        Raises:
            ValueError: If there is only one sample.
        """
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
