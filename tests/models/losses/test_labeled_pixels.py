"""Weights where labeled images are pasted, against numpy (DACS)."""

import numpy as np
import pytest
import torch
from loss_reference import TAU, make_case, softmax, to_torch
from mmengine.logging import MessageHub

from mmseg_classmix.models.losses import (
    PseudoLabelLoss,
    SoftPseudoLabelLoss,
    SquaredErrorLoss,
)

LOSSES = (PseudoLabelLoss, SoftPseudoLabelLoss, SquaredErrorLoss)
# Iteration 0 of a ramp-up: exp(-5).
CONSTANT = dict(ramp_up=0.006737946999, constant=1.0)


def make_pasted_case():
    """A padded case, with labeled pixels pasted in two corners."""
    logits, before = make_case(padded=True)
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


def expected_weight(weighting, before, truth):
    """m + (1 - m) w(B), pixel by pixel."""
    valid = before['pseudo_label'] != 255
    confident = (before['confidence'] >= TAU) & valid
    weight = np.ones(truth.shape)
    for index in np.argwhere(~truth):
        image, *pixel = index
        if weighting == 'proportion_per_image':
            value = confident[image].sum() / valid[image].sum()
        elif weighting == 'proportion_per_batch':
            value = confident.sum() / valid.sum()
        elif weighting == 'threshold':
            value = confident[(image, *pixel)]
        else:
            value = CONSTANT[weighting]
        weight[(image, *pixel)] = value
    return weight


def errors(loss, logits, mixed):
    """Error of every pixel, padding included."""
    p, q = softmax(logits), mixed['prob'].astype(np.float64)
    if loss is PseudoLabelLoss:
        label = mixed['pseudo_label'] % 255
        return -np.log(np.take_along_axis(p, label[:, None], 1)[:, 0])
    if loss is SoftPseudoLabelLoss:
        return -(q * np.log(p)).sum(1)
    return ((p - q) ** 2).sum(1)


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize(
    'weighting',
    ['proportion_per_image', 'proportion_per_batch', 'threshold', *CONSTANT],
)
def test_pasted_pixels_weigh_1_and_others_what_the_whole_image_says(
    loss, weighting
):
    logits, before, mixed, truth = make_pasted_case()
    pred, batch = to_torch(logits, mixed)
    batch['ground_truth'] = torch.from_numpy(truth)
    batch['unlabeled'] = to_torch(logits, before)[1]
    # A training in this process may have been here before.
    MessageHub.get_current_instance().update_info('iter', 0)
    module = loss(weighting=weighting, threshold=TAU)
    result = module(pred, batch)
    weight = expected_weight(weighting, before, truth)
    valid = mixed['pseudo_label'] != 255
    error = errors(loss, logits, mixed)
    total = (weight * error)[valid].sum() / valid.sum()
    np.testing.assert_allclose(result[module.loss_name], total, rtol=2e-6)
    np.testing.assert_allclose(
        result['weight'], weight[valid].mean(), rtol=2e-6
    )


def test_the_log_speaks_of_the_pseudo_labels():
    logits, before, mixed, truth = make_pasted_case()
    pred, batch = to_torch(logits, mixed)
    batch['ground_truth'] = torch.from_numpy(truth)
    batch['unlabeled'] = to_torch(logits, before)[1]
    result = PseudoLabelLoss(threshold=TAU)(pred, batch)
    seen = before['confidence'][before['pseudo_label'] != 255]
    np.testing.assert_allclose(result['confident_share'], (seen >= TAU).mean())
    np.testing.assert_allclose(
        result['mean_confidence'], seen.mean(), rtol=1e-6
    )
