"""Our IoUMetric against mmseg's."""

import io
import logging

import mmseg.evaluation
import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmseg.registry import METRICS
from test_confusion_matrix import META, measure

from mmseg_classmix.evaluation import ClassIoUMetric


def evaluate(metric):
    """Metrics, and cells of the table that is printed."""
    logger, text = MMLogger.get_current_instance(), io.StringIO()
    handler = logging.StreamHandler(text)
    logger.addHandler(handler)
    scores = measure(metric, 0)
    logger.removeHandler(handler)
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in text.getvalue().splitlines()
        if line.startswith('|')
    ]
    return scores, rows


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(iou_metrics=['mIoU', 'mDice', 'mFscore'], ignore_index=1),
        dict(nan_to_num=0),
    ],
)
def test_scores_and_table_are_those_of_mmseg(options):
    ours = METRICS.build(dict(type='IoUMetric', **options))
    assert isinstance(ours, ClassIoUMetric)
    stock = mmseg.evaluation.IoUMetric(**options)
    expected, rows = evaluate(stock)
    assert evaluate(ours) == (expected, rows)
    headings, *cells = rows
    assert list(ours.class_scores) == headings[1:]
    assert len(cells) == len(META['classes'])
    for column, name in enumerate(headings[1:], 1):
        scores = ours.class_scores[name]
        printed = [float(row[column]) for row in cells]
        found = [np.nan if score is None else score for score in scores]
        np.testing.assert_allclose(found, printed, atol=0.006)


def test_configs_have_ours():
    (metric,) = Evaluator(dict(type='mmseg.IoUMetric')).metrics
    assert isinstance(metric, ClassIoUMetric)
