"""Masks of any shape, class count, integer type and pattern of ignore."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from inputs import CLASSES, SEEDS, SHAPES, generator, labels, quick

from mmseg_classmix.mixing.masks import (
    class_mask,
    cow_mask,
    cut_mask,
)

INTEGERS = ['int16', 'int32', 'int64']


def half_of_the_classes(label, mask, num_classes):
    """The mask is all pixels of floor(|C| / 2) classes, and no others."""
    for image, keep in zip(label, mask, strict=True):
        present = {c for c in np.unique(image) if 0 <= c < num_classes}
        kept = set(np.unique(image[keep]))
        assert kept <= present
        assert len(kept) == math.floor(len(present) / 2)
        assert not kept & set(np.unique(image[~keep]))


@quick
@given(st.data(), SHAPES, CLASSES, st.sampled_from(INTEGERS), SEEDS)
def test_half_of_the_classes_whatever_the_label(
    data, shape, num_classes, dtype, seed
):
    # In range, above and below it: no class, if it is not told apart before.
    ignore_index = data.draw(st.sampled_from([num_classes, 999, -1, -100]))
    label = data.draw(labels(shape, num_classes, ignore_index, dtype))
    mask = class_mask(torch.from_numpy(label), num_classes, generator(seed))
    assert mask.dtype == torch.bool and mask.shape == shape
    half_of_the_classes(label, mask.numpy(), num_classes)


@quick
@given(st.data(), SHAPES, st.integers(1, 255), SEEDS)
def test_labels_of_one_byte(data, shape, num_classes, seed):
    label = data.draw(labels(shape, num_classes, 255, np.uint8))
    mask = class_mask(torch.from_numpy(label), num_classes, generator(seed))
    half_of_the_classes(label.astype(int), mask.numpy(), num_classes)


@quick
@given(st.data(), SHAPES, st.integers(1, 9), SEEDS)
def test_renamed_classes_and_moved_pixels_change_nothing(
    data, shape, num_classes, seed
):
    """The choice is of classes: where they lie does not matter."""
    label = data.draw(labels(shape, num_classes))
    moved = label[:, ::-1, ::-1].copy()
    masks = [
        class_mask(torch.from_numpy(x), num_classes, generator(seed)).numpy()
        for x in (label, moved)
    ]
    np.testing.assert_array_equal(masks[0][:, ::-1, ::-1], masks[1])


@quick
@given(SHAPES, st.integers(1, 4), SEEDS, st.data())
def test_processes_draw_what_one_process_draws(shape, world, seed, data):
    n, height, width = shape
    label = torch.from_numpy(data.draw(labels((n * world, height, width), 5)))
    whole = {
        'class': class_mask(label, 5, generator(seed)),
        'cut': cut_mask(label.shape, 0.5, generator(seed)),
        'cow': cow_mask(label.shape, (1, 4), 0.4, generator(seed)),
    }
    for rank in range(world):
        own, shard = slice(rank * n, (rank + 1) * n), (rank, world)
        parts = {
            'class': class_mask(label[own], 5, generator(seed), shard),
            'cut': cut_mask(shape, 0.5, generator(seed), shard=shard),
            'cow': cow_mask(shape, (1, 4), 0.4, generator(seed), shard=shard),
        }
        for name, part in parts.items():
            assert torch.equal(part, whole[name][own]), name


@quick
@given(SHAPES, st.floats(0, 1, exclude_min=True, allow_subnormal=False), SEEDS)
def test_a_cut_is_one_box_of_about_the_area(shape, area, seed):
    n, height, width = shape
    masks = cut_mask(shape, area, generator(seed)).numpy()
    assert masks.shape == shape
    for mask in masks:
        rows, cols = (np.unique(i) for i in np.nonzero(~mask))
        h, w = len(rows), len(cols)
        assert (~mask).sum() == h * w > 0
        assert rows[-1] - rows[0] + 1 == h and cols[-1] - cols[0] + 1 == w
        # The height is rounded and stays in the image; the narrowest width
        # is rounded down, so that it may have to be kept inside.
        exact = area * height * width
        assert abs(h * w - exact) <= w / 2 + 1e-3 * w or h in (1, height)


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


@pytest.mark.parametrize('p', [0.1, 0.5, 0.9])
def test_one_pixel_alone_is_not_above_its_mean(p):
    assert not cow_mask((3, 1, 1), (1, 2), p, generator(0)).any()
