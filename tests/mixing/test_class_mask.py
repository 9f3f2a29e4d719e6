"""Class masks against loops over pixels and the chances of classes."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_inputs import SEEDS, SIDES, generator, random_label
from scipy.stats import chisquare

from mmseg_classmix.mixing.masks import class_mask


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
