"""mmseg's IoUMetric, with scores of every class to read."""

from collections.abc import Sequence

import numpy as np
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS


@METRICS.register_module(name='IoUMetric', force=True)
class ClassIoUMetric(IoUMetric):
    """Keep the scores of every class, which mmseg's metric only prints.

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
        """Add up the images of all processes.

        Args:
            results: Areas of intersection, union, prediction and label of
                every image, each (C,).

        Returns:
            What mmseg's metric returns: means over classes in percent.
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
