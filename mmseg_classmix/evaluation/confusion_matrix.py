"""Which classes are taken for which, and the scores that follow."""

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


def class_scores(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the scores of every class.

    Args:
        matrix: (C, C) counts of pixels, rows are true classes.

    Returns:
        ``IoU`` and ``Acc`` in percent, (C,) float64; NaN for a class that
        has no pixels.
    """
    right = np.diag(matrix).astype(np.float64)
    true, predicted = matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid='ignore'):
        iou = right / (true + predicted - right)
        acc = right / true
    return dict(IoU=100 * iou, Acc=100 * acc)


def mean_scores(matrix: np.ndarray) -> dict[str, float]:
    """Compute what mmseg's ``IoUMetric`` reports.

    Args:
        matrix: (C, C) counts of pixels, rows are true classes.

    Returns:
        ``aAcc``, ``mIoU``, ``mAcc`` in percent with two decimals, over the
        classes that have a score.
    """
    scores = {f'm{k}': _mean(v) for k, v in class_scores(matrix).items()}
    total = matrix.sum()
    share = np.trace(matrix) / total if total else np.nan
    scores = dict(aAcc=100 * share, **scores)
    return {name: round(float(value), 2) for name, value in scores.items()}


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def score_table(
    matrices: dict[str, np.ndarray], classes: Sequence[str]
) -> str:
    """Lay out the scores of networks side by side.

    Args:
        matrices: Confusion matrix of every network.
        classes: Names.

    Returns:
        Lines of a table; '-' where a class has no pixels.
    """
    # Only mmseg's metrics need it, and those who import them.
    from prettytable import PrettyTable

    table = PrettyTable(['Class', *_headings(matrices)], align='r')
    table.align['Class'] = 'l'
    scores = {name: class_scores(m) for name, m in matrices.items()}
    columns = [scores[name][key] for key in ('IoU', 'Acc') for name in scores]
    for i, name in enumerate(classes):
        last = i == len(classes) - 1
        row = [_cell(column[i]) for column in columns]
        table.add_row([name, *row], divider=last)
    table.add_row(['mean', *(_cell(_mean(column)) for column in columns)])
    return table.get_string()


def _headings(matrices: dict[str, np.ndarray]) -> list[str]:
    return [f'{key} {n}'.strip() for key in ('IoU', 'Acc') for n in matrices]


def _cell(value: float) -> str:
    return '-' if np.isnan(value) else f'{value:.2f}'
