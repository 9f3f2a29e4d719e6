"""The five weights: golden values, and a count of pixels for any shape."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_reference import at_iteration
from property_inputs import SHAPES, quick

from mmseg_classmix.models.losses import UnsupWeight
from mmseg_classmix.models.losses.unsup_loss import WEIGHTINGS

GOLDEN = np.array([[[0.968, 0.9679], [1.0, 0.5]]], np.float32)
# Ties with the threshold, both ends, and the neighbors of 0.968 in float32.
NEAR = [
    0.0,
    0.5,
    float(np.nextafter(np.float32(0.968), np.float32(0))),
    float(np.float32(0.968)),
    float(np.nextafter(np.float32(0.968), np.float32(1))),
    1.0,
]
CONFIDENCES = st.sampled_from(NEAR) | st.floats(0, 1, width=32)
THRESHOLDS = st.sampled_from([0.0, 0.1, 0.5, 0.968, 1.0]) | st.floats(0, 1)


@st.composite
def cases(draw):
    shape = draw(SHAPES)
    confidence = draw(hnp.arrays(np.float32, shape, elements=CONFIDENCES))
    valid = draw(hnp.arrays(bool, shape))
    if draw(st.booleans()):
        valid[:] = draw(st.booleans())
    return confidence, valid


def weigh(weighting, confidence, valid, threshold=0.968, length=10_000):
    module = UnsupWeight(weighting, threshold, length)
    weight = module(torch.from_numpy(confidence), torch.from_numpy(valid))
    assert weight.dtype == torch.float32
    assert tuple(weight.shape) == confidence.shape
    return weight.numpy()


@pytest.mark.parametrize(
    ('weighting', 'expected'),
    [
        ('proportion_per_image', [[0.5, 0.5], [0.5, 0.5]]),
        ('proportion_per_batch', [[0.5, 0.5], [0.5, 0.5]]),
        ('threshold', [[1, 0], [1, 0]]),
        ('constant', [[1, 1], [1, 1]]),
    ],
)
def test_golden_weights(weighting, expected):
    assert weigh(weighting, GOLDEN, GOLDEN > 0).tolist() == [expected]


@pytest.mark.parametrize(
    ('iteration', 'length', 'expected'),
    [
        (0, 10000, 0.0067379),
        (2500, 10000, 0.0600547),
        (5000, 10000, 0.2865048),
        (7500, 10000, 0.7316156),
        (10000, 10000, 1.0),
        (39999, 10000, 1.0),
        (30, 40, math.exp(-5 * 0.25**2)),
    ],
)
def test_golden_ramp_up(iteration, length, expected):
    with at_iteration(iteration):
        weight = weigh('ramp_up', GOLDEN, GOLDEN > 0, length=length)
    np.testing.assert_allclose(weight, expected, atol=5e-8)


def test_a_module_moves_with_the_iteration():
    module, seen = UnsupWeight('ramp_up', 0.968, 100), []
    for iteration in range(0, 120, 10):
        with at_iteration(iteration):
            seen.append(module.ramp_up_weight())
    assert seen == sorted(seen)
    assert len(set(seen)) == 11


@quick
@given(cases(), THRESHOLDS)
def test_shares_are_counts_of_pixels(case, threshold):
    confidence, valid = case
    # In float32, as the network says it: 0.968 is at least 0.968.
    sure = confidence >= np.float32(threshold)
    per_image = weigh('proportion_per_image', confidence, valid, threshold)
    for weight, s, v in zip(per_image, sure, valid, strict=True):
        share = np.mean(s[v]) if v.any() else 0
        np.testing.assert_allclose(weight, share, rtol=1e-6)
    per_batch = weigh('proportion_per_batch', confidence, valid, threshold)
    share = np.mean(sure[valid]) if valid.any() else 0
    np.testing.assert_allclose(per_batch, share, rtol=1e-6)
    pixels = weigh('threshold', confidence, valid, threshold)
    np.testing.assert_array_equal(pixels, np.where(valid, sure, 0))


@quick
@given(cases(), st.sampled_from(WEIGHTINGS))
def test_weights_are_finite_shares_whatever_is_in_the_padding(case, name):
    confidence, valid = case
    weight = weigh(name, confidence, valid)
    assert ((weight >= 0) & (weight <= 1)).all()
    other = np.where(valid, confidence, 1 - confidence)
    np.testing.assert_array_equal(weight, weigh(name, other, valid))


def test_an_unknown_weighting_is_refused_and_the_known_are_named():
    with pytest.raises(ValueError) as error:
        UnsupWeight('proportional', 0.968, 10000)
    for text in ('weighting', 'proportional', *WEIGHTINGS):
        assert text in str(error.value)
