"""Masks of any shape, class count, integer type and pattern of ignore."""

import math
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from property_inputs import (
    CLASSES,
    SEEDS,
    SHAPES,
    generator,
    labels,
    quick,
)
from scipy.ndimage import gaussian_filter
from scipy.special import erfinv
from scipy.stats import chisquare

from mmseg_classmix.mixing import CowMix, CutMix
from mmseg_classmix.mixing.masks import (
    _gaussian_blur_fft,
    class_mask,
    cow_mask,
    cut_mask,
    gaussian_blur,
)

# What all three have in common: (shape, generator, shard).
DRAWS = {
    'class': lambda shape, g, shard=(0, 1): class_mask(
        torch.arange(8).expand(shape), 8, g, shard
    ),
    'cut': lambda shape, g, shard=(0, 1): cut_mask(shape, 0.5, g, shard=shard),
    'cow': lambda shape, g, shard=(0, 1): cow_mask(
        shape, (1, 4), 0.4, g, shard=shard
    ),
}
every_mask = pytest.mark.parametrize('draw', DRAWS.values(), ids=DRAWS)


@every_mask
def test_masks_follow_their_generator(draw):
    shape = (4, 6, 8)
    before = torch.get_rng_state()
    first = draw(shape, generator(1))
    assert torch.equal(first, draw(shape, generator(1)))
    assert any(
        not torch.equal(first, draw(shape, generator(s))) for s in range(2, 6)
    )
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        first = draw(shape, None)
        torch.manual_seed(7)
        assert torch.equal(first, draw(shape, None))


@every_mask
@quick
@given(SHAPES.filter(lambda s: s[0] < 4), st.integers(1, 4), SEEDS)
def test_processes_draw_what_one_process_draws(draw, shape, world, seed):
    n, height, width = shape[0], shape[1], 8
    whole = draw((n * world, height, width), generator(seed))
    states = []
    for rank in range(world):
        own = generator(seed)
        part = draw((n, height, width), own, (rank, world))
        assert torch.equal(part, whole[rank * n : (rank + 1) * n])
        states.append(own.get_state())
        assert torch.equal(states[0], states[-1])


def assert_half_of_the_classes(label, mask, num_classes):
    """The mask is all pixels of floor(|C| / 2) classes, and no others."""
    for image, keep in zip(label, mask, strict=True):
        present = {c for c in np.unique(image) if 0 <= c < num_classes}
        kept = set(np.unique(image[keep]))
        assert kept <= present
        assert len(kept) == math.floor(len(present) / 2)
        assert not kept & set(np.unique(image[~keep]))


@quick
@given(
    st.data(),
    SHAPES,
    CLASSES,
    st.sampled_from(['uint8', 'int16', 'int32', 'int64']),
    SEEDS,
)
def test_half_of_the_classes_whatever_the_label(
    data, shape, num_classes, dtype, seed
):
    # In range, above and below it: no class, if it is not told apart before.
    ignored = st.sampled_from([num_classes, 999, -1, -100])
    ignore_index = data.draw(ignored)
    if dtype == 'uint8':
        num_classes, ignore_index = min(num_classes, 255), 255
    label = data.draw(labels(shape, num_classes, ignore_index, dtype))
    before = label.copy()
    mask = class_mask(torch.from_numpy(label), num_classes, generator(seed))
    assert mask.dtype == torch.bool and mask.shape == shape
    assert (label == before).all()
    assert_half_of_the_classes(label.astype(int), mask.numpy(), num_classes)
    # The choice is of classes: where they lie does not matter.
    moved = torch.from_numpy(label[:, ::-1, ::-1].copy())
    again = class_mask(moved, num_classes, generator(seed))
    assert torch.equal(again.flip(1, 2), mask)


def test_images_choose_on_their_own():
    one = torch.tensor([2, 0, 4]).view(3, 1, 1).expand(3, 4, 5)
    assert not class_mask(one, 7, generator(0)).any()
    label = torch.arange(4).repeat(64, 1, 1)
    masks = class_mask(label, 4, generator(0))
    assert len(masks.unique(dim=0)) > 3


@pytest.mark.parametrize('count', [2, 5])
def test_every_subset_of_classes_is_equally_likely(count):
    values = torch.tensor([0, 2, 3, 7, 8])[:count]
    # The size of a class does not change its chance.
    label = torch.cat([values, values[:1].expand(9)]).repeat(4000, 1, 1)
    mask = class_mask(label, 9, generator(3))[:, 0, :count]
    seen = Counter(tuple(values[keep].tolist()) for keep in mask)
    assert len(seen) == math.comb(count, count // 2)
    assert chisquare(list(seen.values())).pvalue > 1e-3


def box_of(mask):
    """Top, left, height, width of the False box; nothing else is False."""
    rows, cols = np.nonzero(~mask)
    top, left = rows.min(), cols.min()
    h, w = rows.max() - top + 1, cols.max() - left + 1
    assert (~mask).sum() == h * w
    return int(top), int(left), int(h), int(w)


@quick
@given(
    SHAPES,
    st.sampled_from([0.05, 0.25, 0.5, 0.8, 1.0]) | st.floats(0.001, 1),
    SEEDS,
)
def test_cut_is_one_box_of_the_wanted_area(shape, area, seed):
    mask = cut_mask(shape, area, generator(seed))
    assert mask.dtype == torch.bool and mask.shape == shape
    _, height, width = shape
    for image in mask.numpy():
        _, _, h, w = box_of(image)
        assert max(math.floor(area * width), 1) <= w <= width
        # The nearest whole height that the image has.
        exact = height * width * area / w
        assert abs(h - min(max(exact, 1), height)) <= 0.5 + 1e-4


def test_cut_box_is_uniform_in_width_and_position():
    height, width = 8, 6
    boxes = [
        box_of(image)
        for image in cut_mask((4000, height, width), 0.5, generator(1)).numpy()
    ]
    by_width = Counter(w for _, _, _, w in boxes)
    assert set(by_width) == {3, 4, 5, 6}
    assert chisquare(list(by_width.values())).pvalue > 1e-3
    for w in by_width:
        own = [box for box in boxes if box[3] == w]
        h = own[0][2]
        places = Counter((top, left) for top, left, _, _ in own)
        every = (height - h + 1) * (width - w + 1)
        # All places, those at the borders too.
        assert len(places) == every
        if every > 1:
            assert chisquare(list(places.values())).pvalue > 1e-3


@pytest.mark.parametrize('p', [0.2, 0.5])
def test_cow_thresholds_the_noise_that_scipy_filters(p):
    n, height, width = 3, 40, 56
    mask = cow_mask((n, height, width), (2, 8), p, generator(4)).numpy()
    # The order of the draws: a number for each sigma, then the noise.
    own = generator(4)
    uniform = torch.rand(n, generator=own).double().numpy()
    noise = torch.randn((n, height, width), generator=own).double().numpy()
    for keep, u, x in zip(mask, uniform, noise, strict=True):
        # Log-uniform between both.
        sigma = math.exp(math.log(2) + u * (math.log(8) - math.log(2)))
        smooth = gaussian_filter(x, sigma, mode='reflect')
        limit = smooth.mean() + math.sqrt(2) * erfinv(2 * p - 1) * smooth.std()
        assert (keep == (smooth > limit)).mean() > 0.998


def test_cow_sigma_is_8_to_32_by_default():
    default = cow_mask((2, 48, 48), generator=generator(3))
    named = cow_mask((2, 48, 48), (8, 32), 0.5, generator(3))
    assert torch.equal(default, named)


@quick
@given(
    SHAPES,
    st.tuples(st.floats(1, 40), st.floats(1, 40)).map(sorted),
    st.floats(0.001, 0.999),
    SEEDS,
)
def test_cow_spots_have_no_nan_for_any_shape(shape, sigma, p, seed):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        mask = cow_mask(shape, tuple(sigma), p, generator(seed))
        higher = cow_mask(shape, tuple(sigma), (1 + p) / 2, generator(seed))
    assert mask.dtype == torch.bool and mask.shape == shape
    # A higher quantile keeps less, and never another pixel.
    assert not (higher & ~mask).any()


def test_one_pixel_alone_is_not_above_its_mean():
    for p in (0.1, 0.5, 0.9):
        assert not cow_mask((3, 1, 1), (1, 2), p, generator(0)).any()


@pytest.mark.parametrize(
    ('mask', 'mix', 'arguments'),
    [
        *((cut_mask, CutMix, dict(area=x)) for x in (0, 1.01, math.nan)),
        *((cow_mask, CowMix, dict(sigma=x)) for x in ((0, 8), (3, 2))),
        *((cow_mask, CowMix, dict(p=x)) for x in (0, 1)),
    ],
    ids=lambda value: getattr(value, '__name__', str(value)),
)
def test_arguments_out_of_range_are_refused(mask, mix, arguments):
    ((name, value),) = arguments.items()
    for call in (
        lambda: mask((1, 4, 4), **arguments),
        lambda: mix(**arguments),
    ):
        with pytest.raises(ValueError, match=f'{mix.__name__} {name}=') as e:
            call()
        assert str(value) in str(e.value)


def numpy_blur(image, sigma):
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
@pytest.mark.parametrize('size', [(21, 16), (1, 20)])
def test_blur_is_a_gaussian_over_mirrored_borders(blur, size):
    image = torch.randn(4, *size, generator=generator(0))
    given_image, sigma = image.clone(), torch.tensor([1.2, 2.0, 5.0, 30.0])
    result = blur(image, sigma)
    assert result.dtype == torch.float32
    assert torch.equal(image, given_image)
    for got, x, s in zip(result, image, sigma, strict=True):
        expected = numpy_blur(x.numpy(), s.item())
        np.testing.assert_allclose(got, expected, atol=5e-4)
