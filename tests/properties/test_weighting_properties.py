"""The five weights for any shape, confidence and pattern of padding."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mmengine.logging import MessageHub
from property_inputs import SHAPES, quick

from mmseg_classmix.models.losses.unsup_loss import WEIGHTINGS, UnsupWeight

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
THRESHOLDS = st.sampled_from([0.0, 0.5, 0.968, 1.0]) | st.floats(0, 1)


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


@quick
@given(cases(), st.sampled_from(WEIGHTINGS), THRESHOLDS, THRESHOLDS)
def test_a_higher_threshold_never_weighs_more(case, name, first, second):
    low, high = (
        weigh(name, *case, threshold) for threshold in sorted((first, second))
    )
    assert (high <= low).all()


@quick
@given(cases(), st.sampled_from(WEIGHTINGS))
def test_images_may_be_in_any_order(case, name):
    confidence, valid = case
    weight = weigh(name, confidence, valid)
    turned = weigh(name, confidence[::-1].copy(), valid[::-1].copy())
    np.testing.assert_array_equal(turned, weight[::-1])


@quick
@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_ramp_up_at_any_iteration(iteration, length):
    hub = MessageHub.get_current_instance()
    before = hub.get_info('iter', 0)
    hub.update_info('iter', iteration)
    try:
        ones = np.ones((1, 1, 1), np.float32)
        weight = weigh('ramp_up', ones, ones > 0, length=length).item()
    finally:
        hub.update_info('iter', before)
    if iteration >= length:
        assert weight == 1
    else:
        share = (length - iteration) / length
        assert math.isclose(math.log(weight), -5 * share**2, abs_tol=1e-5)
