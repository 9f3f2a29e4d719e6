"""The cross entropy over all labeled pixels against numpy in float64."""

import math

import numpy as np
import pytest
import torch
from loss_reference import make_case, softmax, to_torch
from mmseg.registry import MODELS

from mmseg_classmix.models.losses import GlobalCrossEntropyLoss


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('of_class', [False, True])
def test_global_cross_entropy_is_a_mean_over_labeled_pixels(
    weighted, of_class
):
    logits, case = make_case(padded=True)
    label = case['pseudo_label']
    valid = label != 255
    weight = case['confidence'] if weighted else np.ones(label.shape)
    student = softmax(logits)
    factors = np.linspace(0.5, 3, logits.shape[1])
    if of_class:
        # Ignored pixels have no class, and no weight.
        weight = weight * factors[np.where(valid, label, 0)]
    total = sum(
        -weight[i, row, col]
        * math.log(student[i, label[i, row, col], row, col])
        for i, row, col in np.argwhere(valid)
    )
    pred, batch = to_torch(logits, case)
    value = GlobalCrossEntropyLoss(
        class_weight=list(factors) if of_class else None, loss_weight=0.4
    )(
        pred,
        batch['pseudo_label'],
        weight=batch['confidence'] if weighted else None,
        ignore_index=255,
    )
    np.testing.assert_allclose(value, 0.4 * total / valid.sum(), rtol=2e-6)


def test_global_cross_entropy_without_labels_is_zero():
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    label = torch.full((2, 4, 5), 255)
    value = GlobalCrossEntropyLoss()(logits, label, ignore_index=255)
    assert value == 0
    value.backward()
    assert (logits.grad == 0).all()


def test_global_cross_entropy_is_built_from_a_config():
    cfg = dict(type='GlobalCrossEntropyLoss', loss_name='loss_main')
    assert MODELS.build(cfg).loss_name == 'loss_main'
    assert GlobalCrossEntropyLoss().loss_name == 'loss_ce'
