"""Losses for any shape, class count, dtype and pattern of ignore."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from property_inputs import CLASSES, SEEDS, SHAPES, labels, quick

from mmseg_classmix.models.losses import (
    GlobalCrossEntropyLoss,
    PseudoLabelLoss,
    SoftPseudoLabelLoss,
    SquaredErrorLoss,
)

TAU = 0.5
LOSSES = {
    'hard': PseudoLabelLoss,
    'soft': SoftPseudoLabelLoss,
    'squared': SquaredErrorLoss,
}
WEIGHTINGS = ['proportion_per_image', 'threshold', 'constant']
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def log_softmax(x):
    shifted = x - x.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


@st.composite
def cases(draw):
    """Logits, mixed labels of a teacher; ignored pixels anywhere."""
    n, height, width = draw(SHAPES)
    num_classes = draw(CLASSES)
    rng = np.random.default_rng(draw(SEEDS))
    scale = draw(st.sampled_from([0.0, 1.0, 10.0, 1000.0]))
    shape = (n, num_classes, height, width)
    logits = torch.from_numpy(scale * rng.standard_normal(shape))
    prob = np.exp(log_softmax(2 * rng.standard_normal(shape)))
    label = draw(labels((n, height, width), num_classes, ignore_index=999))
    confidence = prob.max(1).astype(np.float32)
    confidence[label == 999] = 0
    batch = dict(
        pseudo_label=torch.from_numpy(label),
        confidence=torch.from_numpy(confidence),
        prob=torch.from_numpy(prob).float(),
        ignore_index=999,
    )
    return logits.to(draw(st.sampled_from(DTYPES))), batch


def reference(kind, weighting, logits, batch):
    """Pixel by pixel in float64: sum of weight times loss, over the count."""
    logits = logits.double().numpy()
    label, confidence, prob = (
        batch[key].numpy() for key in ('pseudo_label', 'confidence', 'prob')
    )
    log_prob = log_softmax(logits)
    total, count = 0.0, 0
    for n, row, col in np.argwhere(label != 999):
        log_p, q = log_prob[n, :, row, col], prob[n, :, row, col]
        if kind == 'hard':
            loss = -log_p[label[n, row, col]]
        elif kind == 'soft':
            loss = -(q * log_p).sum()
        else:
            loss = ((np.exp(log_p) - q) ** 2).sum()
        sure = confidence[n] >= np.float32(TAU)
        weight = {
            'constant': 1.0,
            'threshold': float(sure[row, col]),
            'proportion_per_image': sure[label[n] != 999].mean(),
        }[weighting]
        total += weight * loss
        count += 1
    return total / max(count, 1)


@pytest.mark.parametrize('kind', LOSSES)
@quick
@given(cases(), st.sampled_from(WEIGHTINGS))
def test_unsupervised_losses_are_the_weighted_mean(kind, case, weighting):
    logits, batch = case
    loss = LOSSES[kind](weighting, threshold=TAU)
    losses = loss(logits, batch)
    value = losses.pop(loss.loss_name)
    assert value.dim() == 0 and value.dtype == torch.float32
    np.testing.assert_allclose(
        value.item(),
        reference(kind, weighting, logits, batch),
        rtol=1e-4,
        atol=1e-5,
    )
    for name, number in losses.items():
        assert 0 <= number <= 1, name


@quick
@given(cases(), st.sampled_from(sorted(LOSSES)), st.sampled_from(WEIGHTINGS))
def test_ignored_pixels_have_no_gradient_and_others_a_finite_one(
    case, kind, weighting
):
    logits, batch = case
    logits.requires_grad_()
    loss = LOSSES[kind](weighting, threshold=TAU)
    loss(logits, batch)[loss.loss_name].backward()
    assert torch.isfinite(logits.grad).all()
    ignored = batch['pseudo_label'] == 999
    assert not logits.grad.movedim(1, -1)[ignored].any()


@quick
@given(cases(), st.sampled_from(sorted(LOSSES)), st.floats(0, 100))
def test_loss_weight_is_a_factor_of_the_loss_only(case, kind, factor):
    one = LOSSES[kind]('constant', TAU)(*case)
    scaled = LOSSES[kind]('constant', TAU, loss_weight=factor)(*case)
    name = LOSSES[kind]('constant', TAU).loss_name
    torch.testing.assert_close(
        scaled.pop(name), factor * one.pop(name), rtol=1e-5, atol=0
    )
    assert scaled == one


@quick
@given(cases(), st.data())
def test_supervised_loss_is_the_mean_of_the_labeled_pixels(case, data):
    logits, batch = case
    # mmseg computes it in the precision it is given.
    logits = logits.float().requires_grad_()
    label = batch['pseudo_label']
    loss = GlobalCrossEntropyLoss()(logits, label, ignore_index=999)
    expected = reference('hard', 'constant', logits.detach(), batch)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-4, atol=1e-5)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad.movedim(1, -1)[label == 999].any()
