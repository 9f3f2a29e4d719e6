"""The blur against dense filters in numpy and scipy."""

import math

import numpy as np
import pytest
import torch
from mask_inputs import generator
from scipy.ndimage import gaussian_filter

from mmseg_classmix.mixing.masks import (
    _gaussian_blur_fft,
    gaussian_blur,
)


def numpy_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Dense Gaussian filter over mirrored borders, one axis after another."""
    radius = math.ceil(6 * sigma)
    offset = np.arange(-radius, radius + 1)
    kernel = np.exp(-(offset**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius, radius)
        padded = np.pad(image.astype(np.float64), pad, mode='symmetric')
        image = np.apply_along_axis(np.convolve, axis, padded, kernel, 'valid')
    return image


@pytest.mark.parametrize('blur', [gaussian_blur, _gaussian_blur_fft])
def test_blur_is_a_gaussian_over_mirrored_borders(blur):
    image = torch.randn(4, 21, 16, generator=generator())
    sigma = torch.tensor([1.2, 2.0, 5.0, 30.0])
    result = blur(image, sigma)
    assert result.dtype == torch.float32
    assert result.shape == image.shape
    for got, x, s in zip(result, image, sigma, strict=True):
        expected = numpy_blur(x.numpy(), s.item())
        np.testing.assert_allclose(got, expected, atol=5e-4)


@pytest.mark.parametrize('size', [(64, 96), (33, 47), (5, 7), (1, 20)])
def test_fourier_blur_equals_scipy(size):
    image = torch.randn(3, *size, generator=generator(1))
    sigma = torch.tensor([8.0, 16.0, 32.0])
    result = _gaussian_blur_fft(image, sigma)
    for got, x, s in zip(result, image, sigma, strict=True):
        expected = gaussian_filter(
            x.double().numpy(), s.item(), mode='reflect'
        )
        np.testing.assert_allclose(got, expected, atol=2e-4)


def test_blur_does_not_change_its_input():
    image = torch.randn(2, 8, 8, generator=generator())
    before = image.clone()
    gaussian_blur(image, torch.tensor([1.0, 2.0]))
    assert torch.equal(image, before)
