"""All unsupervised losses against numpy in float64, values and gradients."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loss_reference import (
    TAU,
    at_iteration,
    cases,
    make_case,
    reference_loss,
    reference_weight,
    softmax,
    to_torch,
)
from mmseg.registry import MODELS
from property_inputs import quick

from mmseg_classmix.models.losses import (
    PseudoLabelLoss,
    SoftPseudoLabelLoss,
    SquaredErrorLoss,
)
from mmseg_classmix.models.losses.unsup_loss import WEIGHTINGS

LOSSES = {
    'loss_ce': PseudoLabelLoss,
    'loss_soft_ce': SoftPseudoLabelLoss,
    'loss_squared_error': SquaredErrorLoss,
}
every_loss = pytest.mark.parametrize('name', LOSSES)
GOLDEN = dict(
    pseudo_label=torch.zeros(1, 2, 2, dtype=torch.int64),
    confidence=torch.tensor([[[0.968, 0.9679], [1.0, 0.5]]]),
)


@every_loss
@quick
@given(cases(), st.sampled_from(WEIGHTINGS))
def test_losses_are_the_weighted_mean_of_the_pixels(name, case, weighting):
    logits, batch = case
    logits.requires_grad_()
    with at_iteration(2500):
        losses = LOSSES[name](weighting, threshold=TAU)(logits, batch)
    value = losses.pop(name)
    assert value.dim() == 0 and value.dtype == torch.float32
    expected = reference_loss(
        name, weighting, logits.detach().double().numpy(), batch, 999
    )
    np.testing.assert_allclose(value.item(), expected, rtol=1e-4, atol=1e-5)
    for key, number in losses.items():
        assert 0 <= number <= 1 and 'loss' not in key
        assert not number.requires_grad
    value.backward()
    assert torch.isfinite(logits.grad).all()
    ignored = batch['pseudo_label'] == 999
    assert not logits.grad.movedim(1, -1)[ignored].any()


@pytest.mark.parametrize(
    ('name', 'weighting'),
    list(zip([*LOSSES] * 2, WEIGHTINGS, strict=False)),
)
def test_value_and_gradient_equal_numpy(name, weighting):
    logits, case = make_case()
    pred, batch = to_torch(logits, case)
    before = {key: value.clone() for key, value in batch.items()}
    pred.requires_grad_()
    with at_iteration(2500):
        value = LOSSES[name](weighting, TAU)(pred, batch)[name]
    expected = reference_loss(name, weighting, logits, case)
    assert expected > 0
    np.testing.assert_allclose(value.detach(), expected, rtol=2e-6)
    assert batch.keys() == before.keys()
    assert all(torch.equal(batch[key], before[key]) for key in before)
    value.backward()
    step, slope = 1e-5, np.zeros_like(logits)
    for at in np.ndindex(*logits.shape):
        for sign in (1, -1):
            moved = logits.copy()
            moved[at] += sign * step
            loss = reference_loss(name, weighting, moved, case)
            slope[at] += sign * loss / (2 * step)
    np.testing.assert_allclose(pred.grad, slope, atol=1e-6)


@every_loss
def test_half_precision_is_evaluated_in_float32_under_autocast(name):
    logits, case = make_case()
    pred, batch = to_torch(30 * logits, case, torch.bfloat16)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = LOSSES[name](threshold=TAU)(pred, batch)[name]
    assert value.dtype == torch.float32
    rounded = pred.double().numpy()
    expected = reference_loss(name, 'proportion_per_image', rounded, case)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_the_threshold_keeps_its_precision_under_autocast():
    # In bfloat16, 0.9679 and 0.968 are both 0.96875.
    logits = torch.randn(1, 2, 2, 2)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = PseudoLabelLoss()(logits, GOLDEN)
    assert out['confident_share'] == 0.5


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


@every_loss
def test_scalars_are_logged_and_the_loss_has_its_factor(name):
    logits, case = make_case()
    args = to_torch(logits, case)
    cfg = dict(type=LOSSES[name].__name__, threshold=TAU)
    loss = MODELS.build(cfg)
    assert not list(loss.parameters()) and not loss.state_dict()
    out = loss(*args)
    valid = case['pseudo_label'] != 255
    confidence = case['confidence'][valid]
    weight = reference_weight(
        'proportion_per_image', case['confidence'], valid
    )
    expected = dict(
        weight=weight[valid].mean(),
        confident_share=(confidence >= TAU).mean(),
        mean_confidence=confidence.mean(),
    )
    assert set(out) == {name, *expected}
    for key, value in expected.items():
        np.testing.assert_allclose(out[key], value, rtol=1e-6)
    three = MODELS.build(dict(cfg, loss_weight=3.0))(*args)
    np.testing.assert_allclose(three.pop(name), 3 * out.pop(name), rtol=1e-6)
    assert three == out


def test_soft_losses_alone_need_probabilities():
    logits, batch = to_torch(*make_case())
    assert SoftPseudoLabelLoss.needs_prob and SquaredErrorLoss.needs_prob
    del batch['prob']
    assert not PseudoLabelLoss.needs_prob
    assert torch.isfinite(PseudoLabelLoss()(logits, batch)['loss_ce'])


def test_squared_error_is_summed_over_classes_by_default():
    args, key = to_torch(*make_case()), 'loss_squared_error'
    default, summed, mean = (
        SquaredErrorLoss(threshold=TAU, **options)(*args)[key]
        for options in (
            {},
            dict(class_reduction='sum'),
            dict(class_reduction='mean'),
        )
    )
    assert default == summed
    np.testing.assert_allclose(summed, 3 * mean, rtol=1e-6)


@pytest.mark.parametrize(
    ('argument', 'value'),
    [
        ('weighting', 'proportion'),
        ('threshold', 1.01),
        ('threshold', -0.1),
        ('threshold', math.nan),
        ('threshold', '0.9'),
        ('ramp_up_iters', 0),
        ('loss_weight', -1.0),
        ('class_reduction', 'max'),
    ],
)
def test_bad_arguments_are_refused_by_their_config_key(argument, value):
    with pytest.raises(ValueError) as error:
        SquaredErrorLoss(**{argument: value})
    assert f'model.unsup_loss.{argument}={value!r}' in str(error.value)


def test_loss_decode_may_weigh_classes():
    logits, case = make_case()
    cfg = dict(
        type='CrossEntropyLoss',
        class_weight=[1.0, 2.0, 5.0],
        loss_weight=0.5,
        loss_name='loss_balanced',
        avg_non_ignore=True,
    )
    loss = PseudoLabelLoss('threshold', TAU, loss_decode=cfg)
    value = loss(*to_torch(logits, case))['loss_balanced']
    valid = case['pseudo_label'] != 255
    total = 0.0
    for i, row, col in np.argwhere(valid & (case['confidence'] >= TAU)):
        label = case['pseudo_label'][i, row, col]
        error = -math.log(softmax(logits)[i, label, row, col])
        total += [1, 2, 5][label] * error
    np.testing.assert_allclose(value, 0.5 * total / valid.sum(), rtol=2e-6)


def test_loss_decode_may_be_a_sigmoid_cross_entropy():
    logits, case = make_case()
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
