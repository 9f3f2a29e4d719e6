"""Confusion matrices and what follows from them."""

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from mmseg.evaluation import IoUMetric

from mmseg_classmix.evaluation import ConfusionMatrix
from mmseg_classmix.evaluation.metrics import (
    class_scores,
    mean_scores,
    score_table,
)
from mmseg_classmix.visualization.confusion import draw_confusion

META = dict(classes=('a', 'b', 'c', 'd'))
BY_HAND = np.array([[6, 2, 0, 0], [1, 3, 0, 0], [0, 4, 4, 0], [0, 0, 0, 0]])


def samples(seed, count=5, classes=4, present=3):
    """Labels without the last class, with ignored pixels."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        label = torch.from_numpy(rng.integers(0, present, (1, 7, 9)))
        label[torch.from_numpy(rng.random((1, 7, 9)) < 0.2)] = 255
        pred = torch.from_numpy(rng.integers(0, classes, (1, 7, 9)))
        yield dict(gt_sem_seg=dict(data=label), pred_sem_seg=dict(data=pred))


def measure(metric, seed):
    metric.dataset_meta = META
    for sample in samples(seed):
        metric.process({}, [sample])
    return metric.evaluate(5)


@pytest.mark.parametrize('ignored', [255, 1])
def test_pixels_are_counted_one_by_one(ignored):
    metric = ConfusionMatrix(ignore_index=ignored)
    matrix = measure(metric, 0)['confusion_matrix']
    expected = np.zeros((4, 4), np.int64)
    for sample in samples(0):
        pairs = zip(
            sample['gt_sem_seg']['data'].flatten().tolist(),
            sample['pred_sem_seg']['data'].flatten().tolist(),
            strict=True,
        )
        for true, predicted in pairs:
            if true not in (ignored, 255):
                expected[true, predicted] += 1
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, expected)


def test_means_are_those_of_mmseg():
    matrix = measure(ConfusionMatrix(), 0)['confusion_matrix']
    stock = measure(IoUMetric(), 0)
    assert mean_scores(matrix) == pytest.approx(stock, abs=0.011)


def test_scores_by_hand():
    scores = class_scores(BY_HAND)
    expected = [100 * 6 / 9, 100 * 3 / 10, 50, np.nan]
    np.testing.assert_allclose(scores['IoU'], expected)
    np.testing.assert_allclose(scores['Acc'], [75, 75, 50, np.nan])
    means = mean_scores(BY_HAND)
    assert means == dict(aAcc=65.0, mIoU=48.89, mAcc=66.67)
    empty = mean_scores(np.zeros((2, 2), np.int64))
    assert all(np.isnan(value) for value in empty.values())


def test_table_has_both_networks_side_by_side():
    networks = dict(student=BY_HAND, teacher=np.diag([1, 1, 1, 1]))
    text = score_table(networks, META['classes'])
    rows = [
        [cell.strip() for cell in line.split('|')[1:-1]]
        for line in text.splitlines()
        if line.startswith('|')
    ]
    assert rows == [
        ['Class', 'IoU student', 'IoU teacher', 'Acc student', 'Acc teacher'],
        ['a', '66.67', '100.00', '75.00', '100.00'],
        ['b', '30.00', '100.00', '75.00', '100.00'],
        ['c', '50.00', '100.00', '50.00', '100.00'],
        ['d', '-', '100.00', '-', '100.00'],
        ['mean', '48.89', '100.00', '66.67', '100.00'],
    ]


@pytest.mark.parametrize('number', [4, 32])
def test_picture_of_few_and_of_many_classes(tmp_path, number):
    matrix = np.zeros((number, number), np.int64)
    matrix[:4, :4] = BY_HAND
    classes = [f'class {i}' for i in range(number)]
    path = tmp_path / 'new' / 'matrix.png'
    draw_confusion(dict(student=matrix, teacher=matrix.T), classes, path)
    picture = imread(path)
    assert 500 < picture.shape[0] < 4000
    # Darkest blue: 100 %, which only the transposed matrix has.
    dark = np.abs(picture[..., :3] - [8 / 255, 48 / 255, 107 / 255]) < 0.01
    columns = np.flatnonzero(dark.all(-1).sum(0) > picture.shape[0] / 300)
    assert len(columns) > 0
    assert columns[0] > picture.shape[1] * 0.4
