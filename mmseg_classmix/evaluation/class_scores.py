"""Scores of classes from a confusion matrix."""

from collections.abc import Sequence

import numpy as np


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
