"""Masks against loops in numpy, scipy and the distributions they must have."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.special import erfinv
from scipy.stats import chisquare

from mmseg_classmix.datasets.transforms.masks import (
    _gaussian_blur_fft,
    class_mask,
    cow_mask,
    cut_mask,
    gaussian_blur,
)

SEEDS = st.integers(0, 2**31)
SIDES = st.integers(1, 12)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_label(
    shape: tuple, low: int, high: int, seed: int = 0
) -> torch.Tensor:
    return torch.randint(low, high, shape, generator=generator(seed))


def classes_of(label: np.ndarray, num_classes: int) -> set[int]:
    """Classes that an image shows, pixel by pixel."""
    return {int(c) for c in label.flat if 0 <= c < num_classes}


def chosen_classes(
    label: torch.Tensor, mask: torch.Tensor, num_classes: int
) -> list[set[int]]:
    """Read the choice of every image off a mask; the mask must follow it."""
    choices = []
    for image, keep in zip(label.numpy(), mask.numpy(), strict=True):
        chosen = {int(c) for c in image[keep]}
        present = classes_of(image, num_classes)
        assert chosen <= present
        assert len(chosen) == math.floor(len(present) / 2)
        for value, kept in zip(image.flat, keep.flat, strict=True):
            assert kept == (int(value) in chosen)
        choices.append(chosen)
    return choices


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 4),
    height=SIDES,
    width=SIDES,
    num_classes=st.integers(1, 9),
    below=st.integers(0, 2),
    above=st.integers(0, 3),
    seed=SEEDS,
)
def test_half_of_the_classes_of_each_image_are_chosen(
    n, height, width, num_classes, below, above, seed
):
    label = random_label((n, height, width), -below, num_classes + above, seed)
    before = label.clone()
    mask = class_mask(label, num_classes, generator(seed))
    assert mask.dtype == torch.bool
    assert mask.shape == label.shape
    assert torch.equal(label, before)
    chosen_classes(label, mask, num_classes)


@pytest.mark.parametrize('count', range(1, 8))
def test_floor_of_half_of_the_classes_is_chosen(count):
    label = torch.arange(count).repeat(50, 2, 1)
    mask = class_mask(label, 10, generator())
    choices = chosen_classes(label, mask, 10)
    assert {len(c) for c in choices} == {count // 2}


def test_one_class_gives_an_empty_mask():
    label = torch.full((3, 4, 5), 2)
    assert not class_mask(label, 7, generator()).any()


def test_classes_are_counted_per_image_not_per_batch():
    label = torch.stack([torch.full((2, 2), 0), torch.full((2, 2), 1)])
    for seed in range(20):
        assert not class_mask(label, 2, generator(seed)).any()


def test_images_of_a_batch_choose_on_their_own():
    label = torch.arange(4).repeat(64, 1, 1)
    mask = class_mask(label, 4, generator())
    assert len({tuple(sorted(c)) for c in chosen_classes(label, mask, 4)}) > 3


@pytest.mark.parametrize('value', [255, -1, -100, 3, 2**40])
def test_pixels_without_a_class_are_neither_chosen_nor_counted(value):
    # Counted as a class, the value would let one be chosen beside one
    # class, and could be chosen itself beside two.
    one = torch.tensor([[[1, value, 1, value]]]).repeat(100, 1, 1)
    assert not class_mask(one, 3, generator()).any()
    two = torch.tensor([[[1, value, 0, value]]]).repeat(100, 1, 1)
    mask = class_mask(two, 3, generator())
    assert not mask[two == value].any()
    assert set(map(tuple, chosen_classes(two, mask, 3))) == {(0,), (1,)}


def test_all_ignored_image_gives_an_empty_mask():
    assert not class_mask(torch.full((2, 3, 3), 255), 5, generator()).any()


@pytest.mark.parametrize('count', [2, 4, 5])
def test_every_subset_of_classes_is_equally_likely(count):
    values = torch.tensor([0, 2, 3, 7, 8])[:count]
    label = values.repeat(4000, 1, 1)
    mask = class_mask(label, 9, generator(3))
    choices = [tuple(values[keep].tolist()) for keep in mask[:, 0]]
    seen = Counter(choices)
    assert len(seen) == math.comb(count, count // 2)
    assert chisquare(list(seen.values())).pvalue > 1e-3
    single = Counter(c for choice in choices for c in choice)
    assert set(single) == set(values.tolist())
    expected = 4000 * (count // 2) / count
    for frequency in single.values():
        assert abs(frequency - expected) < 4 * math.sqrt(4000 * 0.25)


def test_the_size_of_a_class_does_not_change_its_chance():
    label = torch.zeros(2000, 1, 20, dtype=torch.int64)
    label[:, :, 0] = 1
    rare = class_mask(label, 2, generator(5))[:, 0, 0].float().mean().item()
    assert abs(rare - 0.5) < 0.05


DRAWS = {
    'class': lambda g, shard=(0, 1), n=4: class_mask(
        random_label((4, 6, 8), 0, 6).chunk(shard[1])[shard[0]],
        6,
        g,
        shard,
    ),
    'cut': lambda g, shard=(0, 1), n=4: cut_mask(
        (n, 6, 8), generator=g, shard=shard
    ),
    'cow': lambda g, shard=(0, 1), n=4: cow_mask(
        (n, 6, 8), (1, 3), generator=g, shard=shard
    ),
}


@pytest.mark.parametrize('name', DRAWS)
def test_the_same_generator_state_draws_the_same_mask(name):
    draw = DRAWS[name]
    assert torch.equal(draw(generator(1)), draw(generator(1)))
    others = [draw(generator(seed)) for seed in range(5)]
    assert any(not torch.equal(others[0], other) for other in others)


@pytest.mark.parametrize('name', DRAWS)
def test_a_generator_leaves_the_global_one_alone(name):
    before = torch.get_rng_state()
    DRAWS[name](generator(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize('name', DRAWS)
def test_without_a_generator_the_global_one_is_used(name):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        first = DRAWS[name](None)
        torch.manual_seed(7)
        assert torch.equal(first, DRAWS[name](None))


@pytest.mark.parametrize('world', [2, 4])
@pytest.mark.parametrize('name', DRAWS)
def test_shards_are_slices_of_the_global_draw(name, world):
    draw = DRAWS[name]
    whole = draw(generator(2))
    parts = [
        draw(generator(2), shard=(rank, world), n=4 // world)
        for rank in range(world)
    ]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize('name', DRAWS)
def test_every_shard_leaves_its_generator_in_the_same_state(name):
    states = []
    for rank in range(2):
        own = generator(2)
        DRAWS[name](own, shard=(rank, 2), n=2)
        states.append(own.get_state())
    assert torch.equal(*states)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, height, width of the False box; nothing else is False."""
    rows, cols = np.nonzero(~mask)
    top, left = rows.min(), cols.min()
    h, w = rows.max() - top + 1, cols.max() - left + 1
    expected = np.ones_like(mask)
    expected[top : top + h, left : left + w] = False
    np.testing.assert_array_equal(mask, expected)
    return int(top), int(left), int(h), int(w)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 4),
    height=SIDES,
    width=SIDES,
    area=st.sampled_from([0.05, 0.25, 0.5, 0.8, 1.0]),
    seed=SEEDS,
)
def test_cut_is_one_box_of_the_wanted_area(n, height, width, area, seed):
    mask = cut_mask((n, height, width), area, generator(seed))
    assert mask.dtype == torch.bool
    assert mask.shape == (n, height, width)
    for image in mask.numpy():
        _, _, h, w = box_of(image)
        assert max(math.floor(area * width + 1e-9), 1) <= w <= width
        exact = height * width * area / w
        assert abs(h - min(max(exact, 1), height)) <= 0.5 + 1e-4


@pytest.mark.parametrize('shape', [(8, 8), (6, 10), (7, 12), (32, 64)])
def test_cut_box_covers_half_of_the_image(shape):
    height, width = shape
    for image in cut_mask((200, *shape), generator=generator()).numpy():
        _, _, h, w = box_of(image)
        assert width // 2 <= w <= width
        assert (~image).sum() == w * h
        assert abs(w * h - height * width / 2) <= w / 2


@pytest.mark.parametrize('shape', [(7, 9), (1, 9), (9, 1), (5, 5)])
def test_cut_box_in_an_odd_image_is_as_close_to_half_as_it_can_be(shape):
    height, width = shape
    widths = set()
    for image in cut_mask((300, *shape), generator=generator()).numpy():
        _, _, h, w = box_of(image)
        widths.add(w)
        nearest = min(
            abs(w * k - height * width / 2) for k in range(1, height + 1)
        )
        assert abs(w * h - height * width / 2) == nearest
    assert widths == set(range(max(width // 2, 1), width + 1))


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
        assert len(places) == every
        if every > 1:
            assert chisquare(list(places.values())).pvalue > 1e-3


def test_cut_boxes_touch_all_borders():
    mask = cut_mask((300, 16, 24), generator=generator())
    boxes = [box_of(image) for image in mask.numpy()]
    inside = [(t, i, h, w) for t, i, h, w in boxes if h < 16 and w < 24]
    assert any(t == 0 for t, _, _, _ in inside)
    assert any(i == 0 for _, i, _, _ in inside)
    assert any(t + h == 16 for t, _, h, _ in inside)
    assert any(i + w == 24 for _, i, _, w in inside)


def test_cut_with_the_whole_area_masks_everything():
    assert not cut_mask((3, 5, 7), 1.0, generator()).any()


@pytest.mark.parametrize('area', [0, -0.1, 1.01, float('nan')])
def test_cut_area_out_of_range_is_refused(area):
    with pytest.raises(ValueError, match=f'area.*{area}'):
        cut_mask((1, 4, 4), area)


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
