import cv2
import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

import mmseg_classmix  # noqa: F401  registers the transforms


def sample(rng, height, width):
    return dict(
        img=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        gt_seg_map=rng.integers(0, 21, (height, width), dtype=np.uint8),
        seg_fields=['gt_seg_map'],
    )


@pytest.mark.parametrize('size', [(40, 60), (90, 20), (500, 375)])
def test_factor_is_uniform_and_relative_to_the_image(size):
    rng = np.random.default_rng(0)
    scale = TRANSFORMS.build(dict(type='RandomScale', ratio_range=(0.5, 1.5)))
    np.random.seed(0)
    ratios = []
    for _ in range(300):
        height, width = scale(sample(rng, *size))['img_shape']
        # One factor for both sides, each rounded to a pixel.
        assert abs(height / size[0] - width / size[1]) <= 1 / min(size)
        ratios.append(max(height, width) / max(size))
    low, high = min(ratios), max(ratios)
    assert 0.49 <= low < 0.52
    assert 1.48 < high <= 1.51
    # Quarters of a uniform distribution: 75 of 300 each, within 4 sigma.
    counts, _ = np.histogram(ratios, [0, 0.75, 1, 1.25, 2])
    assert all(45 < n < 105 for n in counts)


def test_image_is_bilinear_and_mask_nearest():
    rng = np.random.default_rng(0)
    before = sample(rng, 40, 60)
    scale = TRANSFORMS.build(dict(type='RandomScale', ratio_range=(0.7, 0.7)))
    after = scale({key: value for key, value in before.items()})
    image = cv2.resize(before['img'], (42, 28), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(after['img'], image)
    mask = cv2.resize(
        before['gt_seg_map'], (42, 28), interpolation=cv2.INTER_NEAREST
    )
    assert np.array_equal(after['gt_seg_map'], mask)


def test_arguments_of_resize_are_passed_on():
    rng = np.random.default_rng(0)
    before = sample(rng, 40, 60)
    images = [
        TRANSFORMS.build(
            dict(type='RandomScale', ratio_range=(0.7, 0.7), backend=backend)
        )(dict(before))['img']
        for backend in ('cv2', 'pillow')
    ]
    assert not np.array_equal(*images)


@pytest.mark.parametrize('ratio_range', [(0, 1), (1.5, 0.5), (1,), 0.5])
def test_bad_range_is_refused(ratio_range):
    with pytest.raises(ValueError, match='ratio_range'):
        TRANSFORMS.build(dict(type='RandomScale', ratio_range=ratio_range))
