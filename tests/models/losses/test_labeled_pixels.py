"""Weights where labeled images are pasted, against numpy (DACS)."""

import numpy as np
import pytest
import torch
from loss_reference import (
    TAU,
    at_iteration,
    make_case,
    reference_errors,
    reference_weight,
    to_torch,
)

from mmseg_classmix.models.losses import (
    PseudoLabelLoss,
    SoftPseudoLabelLoss,
    SquaredErrorLoss,
)
from mmseg_classmix.models.losses.unsup_loss import WEIGHTINGS

LOSSES = (PseudoLabelLoss, SoftPseudoLabelLoss, SquaredErrorLoss)


def make_pasted_case():
    """A padded case, with labeled pixels pasted in two corners."""
    logits, before = make_case()
    before['confidence'][before['pseudo_label'] == 255] = 0
    mixed = {key: value.copy() for key, value in before.items()}
    truth = np.zeros(before['pseudo_label'].shape, bool)
    truth[0, 1:, :2] = True
    truth[1, :2, 2:] = True
    mixed['pseudo_label'][truth] = 2
    mixed['confidence'][truth] = 1
    mixed['prob'].transpose(0, 2, 3, 1)[truth] = (0, 0, 1)
    # One pasted pixel is ignored.
    mixed['pseudo_label'][0, 1, 0] = 255
    mixed['confidence'][0, 1, 0] = 0
    mixed['prob'][0, :, 1, 0] = 0
    return logits, before, mixed, truth


def evaluate(loss):
    """What a loss makes of that case."""
    logits, before, mixed, truth = make_pasted_case()
    pred, batch = to_torch(logits, mixed)
    batch['ground_truth'] = torch.from_numpy(truth)
    batch['unlabeled'] = to_torch(logits, before)[1]
    with at_iteration(2500):
        return loss(pred, batch)


@pytest.mark.parametrize(
    ('loss', 'weighting'), list(zip(LOSSES * 2, WEIGHTINGS, strict=False))
)
def test_pasted_pixels_weigh_1_and_others_what_the_whole_image_says(
    loss, weighting
):
    logits, before, mixed, truth = make_pasted_case()
    module = loss(weighting=weighting, threshold=TAU)
    result = evaluate(module)
    # m + (1 - m) w(B), pixel by pixel.
    known = before['pseudo_label'] != 255
    weight = reference_weight(weighting, before['confidence'], known)
    weight[truth] = 1
    valid = mixed['pseudo_label'] != 255
    errors = reference_errors(module.loss_name, logits, mixed)
    total = (weight * errors)[valid].sum() / valid.sum()
    np.testing.assert_allclose(result[module.loss_name], total, rtol=2e-6)
    np.testing.assert_allclose(
        result['weight'], weight[valid].mean(), rtol=2e-6
    )


def test_the_log_speaks_of_the_pseudo_labels():
    before = make_pasted_case()[1]
    result = evaluate(PseudoLabelLoss(threshold=TAU))
    seen = before['confidence'][before['pseudo_label'] != 255]
    np.testing.assert_allclose(result['confident_share'], (seen >= TAU).mean())
    np.testing.assert_allclose(
        result['mean_confidence'], seen.mean(), rtol=1e-6
    )
