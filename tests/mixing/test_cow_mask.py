"""Cow masks against scipy and the distributions they must have."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_inputs import SEEDS, SIDES, generator
from scipy.ndimage import gaussian_filter
from scipy.special import erfinv
from scipy.stats import chisquare

from mmseg_classmix.mixing.masks import cow_mask


@pytest.mark.parametrize('p', [0.2, 0.5, 0.75])
def test_cow_thresholds_the_noise_that_scipy_filters(p):
    n, height, width = 3, 40, 56
    mask = cow_mask((n, height, width), (2, 8), p, generator(4)).numpy()
    # The order of the draws: a number for each sigma, then the noise.
    own = generator(4)
    uniform = torch.rand(n, generator=own).double().numpy()
    noise = torch.randn((n, height, width), generator=own).double().numpy()
    for keep, u, x in zip(mask, uniform, noise, strict=True):
        sigma = math.exp(math.log(2) + u * (math.log(8) - math.log(2)))
        smooth = gaussian_filter(x, sigma, mode='reflect')
        limit = smooth.mean() + math.sqrt(2) * erfinv(2 * p - 1) * smooth.std()
        assert (keep == (smooth > limit)).mean() > 0.998


@pytest.mark.parametrize('p', [0.1, 0.3, 0.5, 0.9])
def test_cow_keeps_a_share_of_one_minus_p(p):
    mask = cow_mask((40, 64, 64), (1, 3), p, generator())
    assert mask.dtype == torch.bool
    assert mask.shape == (40, 64, 64)
    assert abs(mask.float().mean().item() - (1 - p)) < 0.02


def sigma_seen_in(mask: np.ndarray) -> float:
    """Width of the filter, from how often neighboring pixels differ.

    Neighbors in smoothed noise correlate by exp(-1 / (4 sigma^2)); the signs
    of two normal variables differ with a chance of arccos(correlation) / pi.
    """
    differ = np.mean(
        [
            (mask[1:] != mask[:-1]).mean(),
            (mask[:, 1:] != mask[:, :-1]).mean(),
        ]
    )
    return math.sqrt(-1 / (4 * math.log(math.cos(math.pi * differ))))


@pytest.mark.parametrize('sigma', [1.5, 4.0])
def test_cow_spots_have_the_size_of_sigma(sigma):
    mask = cow_mask((16, 96, 96), (sigma, sigma), generator=generator())
    seen = np.mean([sigma_seen_in(image) for image in mask.numpy()])
    assert abs(seen - sigma) < 0.1 * sigma


def test_cow_sigma_is_log_uniform():
    mask = cow_mask((300, 64, 64), (1.5, 6.0), generator=generator(1))
    seen = np.log([sigma_seen_in(image) for image in mask.numpy()])
    low, high = math.log(1.5), math.log(6.0)
    assert seen.min() > low - 0.25
    assert seen.max() < high + 0.6
    # Uniform, not logarithmic, the median would be log(3.75) = 1.32.
    assert abs(np.median(seen) - (low + high) / 2) < 0.1
    assert chisquare(np.histogram(seen, 3, (low, high))[0]).pvalue > 1e-3


def test_cow_sigma_is_8_to_32_by_default():
    default = cow_mask((2, 48, 48), generator=generator(3))
    named = cow_mask((2, 48, 48), (8, 32), 0.5, generator(3))
    assert torch.equal(default, named)


@pytest.mark.parametrize('sigma', [(0, 1), (-1, 2), (3, 2)])
def test_cow_sigma_out_of_range_is_refused(sigma):
    with pytest.raises(ValueError, match='sigma') as error:
        cow_mask((1, 4, 4), sigma)
    assert str(sigma) in str(error.value)


@pytest.mark.parametrize('p', [0, 1, -0.5, 1.5])
def test_cow_p_out_of_range_is_refused(p):
    with pytest.raises(ValueError, match=f'p={p} '):
        cow_mask((1, 4, 4), (1, 2), p)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 3),
    height=st.integers(2, 12),
    width=SIDES,
    p=st.sampled_from([0.1, 0.5, 0.9]),
    seed=SEEDS,
)
def test_cow_works_for_any_size(n, height, width, p, seed):
    mask = cow_mask((n, height, width), (1, 32), p, generator(seed))
    assert mask.dtype == torch.bool
    assert mask.shape == (n, height, width)
