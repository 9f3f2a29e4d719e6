"""Labels and confidence of the teacher against the plain formula."""

import pytest
import torch
from mmseg.registry import MODELS
from scipy.special import softmax
from support import CLASSMIX, tiny_config
from torch.nn import functional as F

from mmseg_classmix.models.segmentors.logits import (
    _by_rows,
    _rows_are_exact,
    label_and_confidence,
    low_resolution_logits,
    upsample,
    upsampled_rows,
)


def plain(logits, size, align_corners):
    """Upsampled by torch, then numpy in float64."""
    full = F.interpolate(
        logits, size, mode='bilinear', align_corners=align_corners
    ).numpy()
    return full.argmax(1), softmax(full.astype('float64'), 1).max(1)


@pytest.mark.parametrize(
    ('shape', 'size', 'spread', 'align_corners'),
    [
        ((4, 19, 9, 17), (65, 130), 3, True),
        ((4, 19, 9, 17), (65, 130), 0.1, False),
        ((1, 2, 1, 1), (7, 5), 50, False),
        ((3, 300, 5, 4), (33, 31), 3, False),
        ((2, 1, 4, 4), (8, 9), 50, True),
        ((2, 5, 6, 8), (6, 8), 0.1, True),
        ((2, 5, 31, 29), (7, 9), 3, False),
    ],
)
def test_labels_are_the_same_and_confidence_is_close(
    shape, size, spread, align_corners
):
    torch.manual_seed(0)
    logits = torch.randn(shape) * spread
    given = logits.clone()
    label, confidence = label_and_confidence(logits, size, align_corners)
    expected_label, expected_confidence = plain(logits, size, align_corners)
    assert label.dtype == torch.int64
    assert confidence.dtype == torch.float32
    assert (label.numpy() == expected_label).all()
    assert abs(confidence.numpy() - expected_confidence).max() < 1e-6
    assert torch.equal(logits, given)


@pytest.mark.parametrize(
    ('shape', 'size', 'align_corners'),
    [
        ((19, 33, 65), (257, 513), True),
        ((3, 10, 20), (200, 100), False),
        ((2, 8, 8), (8, 8), True),
        *(((3, 20, 30), (n, 400), n % 3 == 0) for n in (1, 20, 57, 1000)),
    ],
)
def test_rows_are_those_of_the_whole(shape, size, align_corners):
    torch.manual_seed(0)
    logits, how = torch.randn(shape), (size, align_corners)
    full = upsample(logits[None], *how)[0]
    rows = [x for _, x in upsampled_rows(logits, *how)]
    assert torch.equal(torch.cat(rows, 1), full)
    # Close also where the kernels of a processor round otherwise.
    rows = [x for _, x in _by_rows(logits, *how)]
    torch.testing.assert_close(torch.cat(rows, 1), full, rtol=0, atol=2e-5)


def test_large_images_are_upsampled_in_blocks():
    logits, how = torch.randn(19, 65, 129), ((512, 1024), True)
    blocks = [x for _, x in _by_rows(logits, *how)]
    assert max(x.numel() for x in blocks) < 512 * 1024
    # Where the kernels of a processor round otherwise, in one piece.
    exact = _rows_are_exact(logits.shape, *how)
    count = len(list(upsampled_rows(logits, *how)))
    assert count == (len(blocks) if exact else 1)


def test_of_equal_classes_the_first_is_taken():
    logits = torch.zeros(1, 4, 2, 2)
    logits[:, 2:] = 1
    label, confidence = label_and_confidence(logits, (4, 4), True)
    assert (label == 2).all()
    expected = softmax([0, 0, 1, 1.0]).max()
    assert abs(confidence - expected).max() < 1e-6


def test_not_a_number_is_not_hidden():
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, 1, 0, 0] = float('nan')
    _, confidence = label_and_confidence(logits, (2, 2), True)
    assert confidence.isnan().tolist() == [[[True, False], [False, False]]]


@pytest.fixture(scope='module')
def teacher():
    model = MODELS.build(tiny_config('.', CLASSMIX).model)
    model.init_weights()
    return model.eval().teacher


def test_small_logits_are_those_of_the_segmentor(teacher):
    img = torch.randn(2, 3, 33, 41)
    with torch.no_grad():
        small = low_resolution_logits(teacher, img)
        large = teacher.encode_decode(img, [dict(img_shape=(33, 41))] * 2)
    assert small.shape[2:] < img.shape[2:]
    ours = upsample(small, img.shape[2:], teacher.align_corners)
    assert torch.equal(ours, large)


def test_a_prediction_of_its_own_is_asked(teacher, monkeypatch):
    img = torch.randn(2, 3, 32, 40)
    logits = torch.randn(2, 3, 32, 40)
    monkeypatch.setattr(teacher, 'encode_decode', lambda *_: logits)
    assert torch.equal(low_resolution_logits(teacher, img), logits)


def test_half_precision_is_left_before_upsampling(teacher):
    img = torch.randn(2, 3, 32, 40)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        half = teacher.decode_head(teacher.extract_feat(img))
        logits = low_resolution_logits(teacher, img)
    assert half.dtype == torch.bfloat16
    assert torch.equal(logits, half.float())
