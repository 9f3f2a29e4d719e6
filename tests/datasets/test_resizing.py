"""Sizes: random in training, a choice in evaluation."""

import cv2
import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

import mmseg_classmix  # noqa: F401  registers the transforms


def sample(rng, height, width):
    return dict(
        img=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        gt_seg_map=rng.integers(0, 21, (height, width), dtype=np.uint8),
        seg_fields=['gt_seg_map'],
    )


@pytest.mark.parametrize('size', [(40, 60), (90, 20)])
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
    # Arguments of Resize are passed on.
    step = dict(type='RandomScale', ratio_range=(0.7, 0.7), backend='pillow')
    other = TRANSFORMS.build(step)(dict(before))['img']
    assert not np.array_equal(other, image)


def test_bad_ranges_are_refused():
    for ratio_range in ((0, 1), (1.5, 0.5), (1,), 0.5):
        with pytest.raises(ValueError, match='ratio_range'):
            TRANSFORMS.build(dict(type='RandomScale', ratio_range=ratio_range))


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    return dict(
        img=np.zeros((20, 30, 3), np.uint8),
        ori_shape=(50, 70),
        gt_seg_map=rng.integers(0, 19, (50, 70), dtype=np.uint8),
    )


def test_original_size_changes_nothing(results):
    before = results['gt_seg_map'].copy()
    after = TRANSFORMS.build(dict(type='EvaluateAt'))(results)
    assert after['ori_shape'] == (50, 70)
    assert np.array_equal(after['gt_seg_map'], before)
    # Images without masks pass.
    del results['gt_seg_map']
    step = dict(type='EvaluateAt', size='input_size')
    assert TRANSFORMS.build(step)(results)['ori_shape'] == (20, 30)


@pytest.mark.parametrize('backend', ['pillow', 'cv2'])
def test_input_size_resizes_the_mask_by_nearest(results, backend):
    before = results['gt_seg_map']
    expected = dict(
        pillow=np.asarray(
            Image.fromarray(before).resize((30, 20), Image.Resampling.NEAREST)
        ),
        cv2=cv2.resize(before, (30, 20), interpolation=cv2.INTER_NEAREST),
    )
    assert not np.array_equal(*expected.values())
    step = dict(type='EvaluateAt', size='input_size', backend=backend)
    after = TRANSFORMS.build(step)(results)
    assert after['ori_shape'] == (20, 30)
    assert np.array_equal(after['gt_seg_map'], expected[backend])


@pytest.mark.parametrize('bad', [dict(size='512x1024'), dict(backend='PIL')])
def test_other_words_are_refused(bad):
    with pytest.raises(ValueError, match='must be'):
        TRANSFORMS.build(dict(type='EvaluateAt', **bad))
