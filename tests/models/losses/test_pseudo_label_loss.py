"""The loss on pseudo-labels: golden values and any loss of mmseg inside."""

import math

import numpy as np
import pytest
import torch
from loss_reference import TAU, make_case, reference_weight, softmax, to_torch

from mmseg_classmix.models.losses import PseudoLabelLoss

GOLDEN = dict(
    pseudo_label=torch.zeros(1, 2, 2, dtype=torch.int64),
    confidence=torch.tensor([[[0.968, 0.9679], [1.0, 0.5]]]),
)


@pytest.mark.parametrize(
    ('weighting', 'expected'),
    [
        ('proportion_per_image', 0.5 * (1 + 2 + 3 + 4) / 4),
        ('proportion_per_batch', 0.5 * (1 + 2 + 3 + 4) / 4),
        ('threshold', (1 + 3) / 4),
        ('constant', (1 + 2 + 3 + 4) / 4),
    ],
)
def test_golden_confidence_divides_by_all_four_pixels(weighting, expected):
    # Logits whose cross entropy against class 0 is 1, 2, 3 and 4.
    error = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    logits = torch.stack([torch.zeros(2, 2), error.expm1().log()])[None]
    value = PseudoLabelLoss(weighting=weighting)(logits, GOLDEN)['loss_ce']
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_defaults_are_those_of_the_paper():
    logits = torch.randn(1, 2, 2, 2)
    named = PseudoLabelLoss('proportion_per_image', 0.968, 10000, 1.0)
    default = PseudoLabelLoss()(logits, GOLDEN)
    assert default == named(logits, GOLDEN)
    assert default['weight'] == 0.5


def test_the_threshold_keeps_its_precision_under_autocast():
    # In bfloat16, 0.9679 and 0.968 are both 0.96875.
    logits = torch.randn(1, 2, 2, 2)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = PseudoLabelLoss()(logits, GOLDEN)
    assert out['confident_share'] == 0.5
    assert out['loss_ce'].dtype == torch.float32


@pytest.mark.parametrize('weighting', ['threshold', 'proportion_per_image'])
def test_loss_decode_may_weigh_classes(weighting):
    logits, case = make_case(padded=True)
    loss = PseudoLabelLoss(
        weighting,
        TAU,
        loss_decode=dict(
            type='CrossEntropyLoss',
            class_weight=[1.0, 2.0, 5.0],
            loss_weight=0.5,
            loss_name='loss_balanced',
            avg_non_ignore=True,
        ),
    )
    value = loss(*to_torch(logits, case))['loss_balanced']
    valid = case['pseudo_label'] != 255
    weight = reference_weight(weighting, case, valid)
    total = 0.0
    for i, row, col in np.argwhere(valid):
        label = case['pseudo_label'][i, row, col]
        own = weight[i]
        own = own[row, col] if np.ndim(own) else own
        error = -math.log(softmax(logits)[i, label, row, col])
        total += own * [1, 2, 5][label] * error
    np.testing.assert_allclose(value, 0.5 * total / valid.sum(), rtol=2e-6)


def test_loss_decode_may_be_a_sigmoid_cross_entropy():
    logits, case = make_case(padded=True)
    cfg = dict(type='CrossEntropyLoss', use_sigmoid=True, avg_non_ignore=True)
    loss = PseudoLabelLoss('threshold', TAU, loss_decode=cfg)
    value = loss(*to_torch(logits, case))['loss_ce']
    valid = case['pseudo_label'] != 255
    total = 0.0
    for i, row, col in np.argwhere(valid & (case['confidence'] >= TAU)):
        for c in range(3):
            sign = 1 if case['pseudo_label'][i, row, col] == c else -1
            total += math.log1p(math.exp(-sign * logits[i, c, row, col]))
    np.testing.assert_allclose(value, total / valid.sum(), rtol=2e-6)


@pytest.mark.parametrize(
    'loss_decode',
    [
        dict(type='TverskyLoss'),
        dict(type='FocalLoss'),
        dict(type='DiceLoss'),
        dict(type='OhemCrossEntropy'),
        dict(type='CrossEntropyLoss', loss_name='ce'),
        dict(type='CrossEntropyLoss', reduction='sum'),
    ],
    ids=lambda cfg: '-'.join(cfg.values()),
)
def test_loss_that_cannot_weigh_pixels_is_refused(loss_decode):
    with pytest.raises(ValueError, match='model.unsup_loss.loss_decode'):
        PseudoLabelLoss(loss_decode=loss_decode)


def test_loss_with_class_weights_is_taken():
    PseudoLabelLoss(
        loss_decode=dict(type='CrossEntropyLoss', class_weight=[1, 2, 3])
    )
