"""The cross entropy over all labeled pixels against numpy in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from loss_reference import (
    cases,
    make_case,
    reference_errors,
    reference_loss,
    to_torch,
)
from mmseg.registry import MODELS
from property_inputs import quick

from mmseg_classmix.models.losses import GlobalCrossEntropyLoss


@quick
@given(cases())
def test_it_is_the_mean_of_the_labeled_pixels(case):
    logits, batch = case
    # mmseg computes it in the precision it is given.
    logits = logits.float().requires_grad_()
    label = batch['pseudo_label']
    loss = GlobalCrossEntropyLoss()(logits, label, ignore_index=999)
    expected = reference_loss(
        'loss_ce', 'constant', logits.detach().double().numpy(), batch, 999
    )
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-4, atol=1e-5)
    # Also without any label: then both are 0.
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad.movedim(1, -1)[label == 999].any()


@pytest.mark.parametrize('of_pixel', [False, True])
def test_classes_and_pixels_may_be_weighed(of_pixel):
    logits, case = make_case()
    label = case['pseudo_label']
    valid = label != 255
    factors = np.linspace(0.5, 3, logits.shape[1])
    # Ignored pixels have no class, and no weight.
    weight = factors[np.where(valid, label, 0)]
    if of_pixel:
        weight = weight * case['confidence']
    errors = reference_errors('loss_ce', logits, case)
    pred, batch = to_torch(logits, case)
    cfg = dict(
        type='GlobalCrossEntropyLoss',
        class_weight=list(factors),
        loss_weight=0.4,
        loss_name='loss_main',
    )
    loss = MODELS.build(cfg)
    assert loss.loss_name == 'loss_main'
    value = loss(
        pred,
        batch['pseudo_label'],
        weight=batch['confidence'] if of_pixel else None,
        ignore_index=255,
    )
    total = 0.4 * (weight * errors).sum() / valid.sum()
    np.testing.assert_allclose(value, total, rtol=2e-6)
