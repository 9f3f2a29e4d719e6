"""Which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from torch import Tensor


@METRICS.register_module()
class ConfusionMatrix(BaseMetric):
    """Count pixels by true and predicted class.

    Its only metric, ``confusion_matrix``, is a (C, C) int64 array: row the
    true class, column the predicted one.

    Args:
        ignore_index: Label of pixels that do not count.
        **kwargs: As for mmengine's ``BaseMetric``.
    """

    default_prefix = ''

    def __init__(self, ignore_index: int = 255, **kwargs) -> None:
        super().__init__(**kwargs)
        self.ignore_index = ignore_index

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of every image.

        Args:
            data_batch: Not used.
            data_samples: Dicts with ``pred_sem_seg`` and ``gt_sem_seg``, of
                (1, H, W) integers.
        """
        for sample in data_samples:
            label = sample['gt_sem_seg']['data'].squeeze()
            pred = sample['pred_sem_seg']['data'].squeeze().to(label)
            # Cells that are not 0: an image has few of the classes.
            counts = self._count(pred, label)
            cells = counts.nonzero()[0].astype(np.int32)
            self.results.append((cells, counts[cells]))

    def _count(self, pred: Tensor, label: Tensor) -> np.ndarray:
        number = len(self.dataset_meta['classes'])
        known = (label != self.ignore_index) & (label < number)
        cells = label[known].long() * number + pred[known].long()
        return torch.bincount(cells, minlength=number**2).cpu().numpy()

    def compute_metrics(self, results: list) -> dict[str, np.ndarray]:
        """Add up the images of all processes."""
        number = len(self.dataset_meta['classes'])
        total = np.zeros(number**2, np.int64)
        for cells, counts in results:
            total[cells] += counts
        return dict(confusion_matrix=total.reshape(number, number))
