"""Metrics: scores and confusions of every class."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmseg.evaluation import IoUMetric
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


@METRICS.register_module(name='IoUMetric', force=True)
class ClassIoUMetric(IoUMetric):
    """mmseg's ``IoUMetric``, which keeps the scores that it prints.

    It takes the place of mmseg's ``IoUMetric`` in the registry: configs need
    no change, and metrics and tables are the same.

    Args:
        **kwargs: As for mmseg's ``IoUMetric``.

    Attributes:
        class_scores: Of the last evaluation, on the main process: percent by
            metric, such as ``IoU`` and ``Acc``, (C,) in the order of the
            classes; None for a class without pixels.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.class_scores: dict[str, list[float | None]] = {}

    def compute_metrics(
        self, results: Sequence[tuple]
    ) -> dict[str, np.floating]:
        """Compute the means over classes in percent, as mmseg does.

        Args:
            results: Areas of intersection, union, prediction and label of
                every image, each (C,).
        """
        metrics = super().compute_metrics(results)
        self.class_scores = {}
        if not self.format_only:
            areas = (sum(column) for column in zip(*results, strict=True))
            scores = self.total_area_to_metrics(
                *areas, self.metrics, self.nan_to_num, self.beta
            )
            self.class_scores = {
                name: _percent(values)
                for name, values in scores.items()
                if name != 'aAcc'
            }
        return metrics


def _percent(values: np.ndarray) -> list[float | None]:
    rounded = np.round(values.astype(np.float64) * 100, 4)
    return [None if np.isnan(v) else float(v) for v in rounded]


def class_scores(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Compute ``IoU`` and ``Acc`` in percent from a (C, C) confusion matrix.

    They are (C,) float64; NaN for a class that has no pixels.
    """
    right = np.diag(matrix).astype(np.float64)
    true, predicted = matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid='ignore'):
        iou = right / (true + predicted - right)
        acc = right / true
    return dict(IoU=100 * iou, Acc=100 * acc)


def mean_scores(matrix: np.ndarray) -> dict[str, float]:
    """Compute what mmseg's ``IoUMetric`` reports: aAcc, mIoU, mAcc in percent.

    Classes without a score do not count; there are two decimals.
    """
    total = matrix.sum()
    scores = dict(aAcc=100 * np.trace(matrix) / total if total else np.nan)
    scores |= {f'm{k}': _mean(v) for k, v in class_scores(matrix).items()}
    return {name: round(float(value), 2) for name, value in scores.items()}


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def score_table(
    matrices: dict[str, np.ndarray], classes: Sequence[str]
) -> str:
    """Lay out the scores of networks, by name, as columns of a text table."""
    # Only mmseg's metrics need it, and those who import them.
    from prettytable import PrettyTable

    scores = {name: class_scores(m) for name, m in matrices.items()}
    columns = {
        f'{key} {name}'.strip(): scores[name][key]
        for key in ('IoU', 'Acc')
        for name in scores
    }
    table = PrettyTable(['Class', *columns], align='r')
    table.align['Class'] = 'l'
    with_means = ([*column, _mean(column)] for column in columns.values())
    for i, row in enumerate(zip(*with_means, strict=True)):
        name = [*classes, 'mean'][i]
        cells = ['-' if np.isnan(value) else f'{value:.2f}' for value in row]
        table.add_row([name, *cells], divider=i == len(classes) - 1)
    return table.get_string()
