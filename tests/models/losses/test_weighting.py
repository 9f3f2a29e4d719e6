"""The five weights, with their golden values and against a loop."""

import math

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub

from mmseg_classmix.models.losses import UnsupWeight

WEIGHTINGS = (
    'proportion_per_image',
    'proportion_per_batch',
    'threshold',
    'ramp_up',
    'constant',
)
GOLDEN = torch.tensor([[[0.968, 0.9679], [1.0, 0.5]]])
RAMP_UP = {
    0: 0.0067379,
    2500: 0.0600547,
    5000: 0.2865048,
    7500: 0.7316156,
    10000: 1.0,
    39999: 1.0,
}


@pytest.fixture
def set_iteration():
    """Tells the message hub the iteration, as the train loop does."""
    hub = MessageHub.get_current_instance()
    before = hub.get_info('iter', None)
    yield lambda iteration: hub.update_info('iter', iteration)
    if before is None:
        hub.runtime_info.pop('iter', None)
    else:
        hub.update_info('iter', before)


def weigh(
    weighting: str,
    confidence: torch.Tensor = GOLDEN,
    valid: torch.Tensor | None = None,
    threshold: float = 0.968,
    ramp_up_iters: int = 10000,
) -> torch.Tensor:
    if valid is None:
        valid = torch.ones_like(confidence, dtype=torch.bool)
    weight = UnsupWeight(weighting, threshold, ramp_up_iters)
    return weight(confidence, valid)


@pytest.mark.parametrize(
    'weighting', ['proportion_per_image', 'proportion_per_batch']
)
def test_proportion_of_the_golden_confidence_is_a_half(weighting):
    assert weigh(weighting).tolist() == [[[0.5, 0.5], [0.5, 0.5]]]


def test_threshold_of_the_golden_confidence_is_a_mask():
    assert weigh('threshold').tolist() == [[[1, 0], [1, 0]]]


def test_constant_is_one():
    assert weigh('constant').tolist() == [[[1, 1], [1, 1]]]


@pytest.mark.parametrize(('iteration', 'expected'), RAMP_UP.items())
def test_ramp_up_has_its_golden_values(set_iteration, iteration, expected):
    set_iteration(iteration)
    weight = weigh('ramp_up')
    assert weight.shape == GOLDEN.shape
    np.testing.assert_allclose(weight, expected, atol=5e-8)


def test_ramp_up_follows_its_length(set_iteration):
    set_iteration(30)
    weight = weigh('ramp_up', ramp_up_iters=40)
    np.testing.assert_allclose(weight, math.exp(-5 * 0.25**2), rtol=1e-6)
    set_iteration(40)
    assert (weigh('ramp_up', ramp_up_iters=40) == 1).all()


def test_ramp_up_of_one_module_moves_with_the_iteration(set_iteration):
    weight = UnsupWeight('ramp_up', 0.968, 100)
    valid = torch.ones_like(GOLDEN, dtype=torch.bool)
    seen = []
    for iteration in range(0, 120, 10):
        set_iteration(iteration)
        seen.append(weight(GOLDEN, valid).max().item())
    assert seen == sorted(seen)
    assert len(set(seen)) == 11


@pytest.mark.parametrize(
    ('threshold', 'value'),
    [(0.968, 0.968), (0.5, 0.5), (1.0, 1.0), (0.0, 0.0), (0.1, 0.1)],
)
def test_a_confidence_equal_to_the_threshold_counts(threshold, value):
    confidence = torch.full((1, 2, 2), value, dtype=torch.float32)
    assert (weigh('threshold', confidence, threshold=threshold) == 1).all()


def test_the_next_smaller_float_does_not_count():
    below = np.nextafter(np.float32(0.968), np.float32(0))
    confidence = torch.full((1, 2, 2), float(below))
    assert (weigh('threshold', confidence) == 0).all()


def weight_by_loop(
    weighting: str, confidence: np.ndarray, valid: np.ndarray
) -> np.ndarray:
    """Weights of the valid pixels; NaN marks the others as undefined."""
    out = np.full(confidence.shape, np.nan)
    every = [
        (i, *pixel)
        for i in range(len(valid))
        for pixel in np.argwhere(valid[i])
    ]
    confident = {at: confidence[at] >= np.float32(0.6) for at in every}
    for at in every:
        if weighting == 'threshold':
            out[at] = confident[at]
        elif weighting == 'constant':
            out[at] = 1
        else:
            group = [
                other
                for other in every
                if weighting == 'proportion_per_batch' or other[0] == at[0]
            ]
            out[at] = sum(confident[other] for other in group) / len(group)
    return out


@pytest.mark.parametrize(
    'weighting', [name for name in WEIGHTINGS if name != 'ramp_up']
)
@pytest.mark.parametrize('padded', [False, True])
def test_weights_equal_a_loop(weighting, padded):
    rng = np.random.default_rng(0)
    confidence = rng.random((3, 4, 5), dtype=np.float32)
    valid = np.ones((3, 4, 5), dtype=bool)
    if padded:
        valid = rng.random((3, 4, 5)) > 0.3
        # Padding that would count, did anyone ask it.
        confidence[~valid] = 1
    weight = weigh(
        weighting,
        torch.from_numpy(confidence),
        torch.from_numpy(valid),
        threshold=0.6,
    )
    assert weight.dtype == torch.float32
    assert weight.shape == (3, 4, 5)
    expected = weight_by_loop(weighting, confidence, valid)
    np.testing.assert_allclose(
        weight.numpy()[valid], expected[valid], rtol=1e-6
    )


def test_proportions_differ_between_images_but_not_within_the_batch():
    confidence = torch.tensor([[[1.0, 1.0]], [[1.0, 0.0]]])
    per_image = weigh('proportion_per_image', confidence)
    per_batch = weigh('proportion_per_batch', confidence)
    assert per_image.tolist() == [[[1, 1]], [[0.5, 0.5]]]
    assert per_batch.tolist() == [[[0.75, 0.75]], [[0.75, 0.75]]]


@pytest.mark.parametrize('weighting', WEIGHTINGS)
def test_an_image_of_padding_gives_finite_weights(weighting):
    valid = torch.zeros_like(GOLDEN, dtype=torch.bool)
    assert torch.isfinite(weigh(weighting, GOLDEN, valid)).all()


def test_an_unknown_weighting_is_refused_and_the_known_are_named():
    with pytest.raises(ValueError) as error:
        UnsupWeight('proportional', 0.968, 10000)
    for text in ('weighting', 'proportional', *WEIGHTINGS):
        assert text in str(error.value)


@pytest.mark.parametrize('threshold', [-0.01, 1.01, float('nan')])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(ValueError, match=f'threshold={threshold}'):
        UnsupWeight('threshold', threshold, 10000)


@pytest.mark.parametrize('length', [0, -5])
def test_a_ramp_up_without_length_is_refused(length):
    with pytest.raises(ValueError, match=f'ramp_up_iters={length}'):
        UnsupWeight('ramp_up', 0.968, length)
