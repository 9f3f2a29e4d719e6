"""Cut masks against the area, width and place that their box must have."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_inputs import SEEDS, SIDES, generator
from scipy.stats import chisquare

from mmseg_classmix.mixing.masks import cut_mask


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
