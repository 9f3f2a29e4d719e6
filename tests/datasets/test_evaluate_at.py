import cv2
import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

import mmseg_classmix  # noqa: F401  registers the transforms


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


def test_images_without_masks_pass(results):
    del results['gt_seg_map']
    step = dict(type='EvaluateAt', size='input_size')
    assert TRANSFORMS.build(step)(results)['ori_shape'] == (20, 30)


@pytest.mark.parametrize('bad', [dict(size='512x1024'), dict(backend='PIL')])
def test_other_words_are_refused(bad):
    with pytest.raises(ValueError, match='must be'):
        TRANSFORMS.build(dict(type='EvaluateAt', **bad))
