"""What the numbers in masks are taken for."""

import numpy as np
import pytest

from mmseg_classmix.new_project.mask_values import find_values, way_out


def histogram(*values):
    pixels = np.zeros(256, np.int64)
    pixels[list(values)] = 10
    return pixels


@pytest.mark.parametrize(
    ('found', 'classes', 'meaning', 'wrong'),
    [
        ((0, 1, 255), 2, [0, 1], []),
        ((0, 255), 2, [0, 255], []),
        # All black, or all ignored: nothing to tell.
        ((0,), 2, [0, 1], []),
        ((255,), 2, [0, 1], []),
        # Two of three classes and ignored pixels.
        ((0, 255), 3, [0, 1, 2], []),
        ((0, 1, 2, 3), 3, [0, 1, 2], [3]),
        ((0, 128, 255), 2, [0, 1], [128]),
    ],
)
def test_meaning_is_found(found, classes, meaning, wrong):
    pixels = histogram(*found)
    values = find_values(pixels, classes)
    assert values.of_classes(classes) == meaning
    assert values.wrong(pixels, classes) == wrong


def test_user_says_what_values_mean():
    pixels = histogram(0, 1, 2, 3, 255)
    values = find_values(pixels, 2, [1, 2], [0])
    assert values.wrong(pixels, 2) == [3]
    # Black is said to be ignored: white is no class.
    assert find_values(histogram(0, 255), 2, None, [0]).mask_values is None


@pytest.mark.parametrize(
    ('found', 'classes', 'option'),
    [
        ((0, 128, 255), 3, '--mask-values 0 128 255'),
        ((7, 9, 255), 2, '--mask-values 7 9'),
        ((0, 1, 2), 2, '--mask-values 1 2 --ignored-values 0'),
        ((0, 1, 2, 255), 2, '--mask-values 1 2 --ignored-values 0'),
        (tuple(range(256)), 2, 'come from resizing a mask'),
    ],
)
def test_way_out_names_the_option(found, classes, option):
    assert option in way_out(histogram(*found), classes)
