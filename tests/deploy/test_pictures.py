import io

import cv2
import numpy as np
import pytest
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_classmix.deploy.pictures import (
    EvenSample,
    confidence_png,
    draw_contact_sheet,
    jpeg,
    mask_png,
    overlay,
    read_thumbnail,
    spread,
    stored_numbers,
    stored_palette,
)

PALETTE = [[10, 20, 30], [200, 0, 0], [0, 0, 250]]


def test_masks_are_numbers_with_colors(tmp_path):
    label = np.array([[0, 1, 2], [255, 2, 0]], np.uint8)
    content = mask_png(label, PALETTE)
    image = Image.open(io.BytesIO(content))
    assert image.mode == 'P'
    np.testing.assert_array_equal(np.asarray(image), label)
    colors = np.asarray(image.convert('RGB'))
    assert colors[0, 1].tolist() == [200, 0, 0]
    assert colors[1, 0].tolist() == [255, 255, 255]


def test_overlays_mix_the_colors_and_fit_into_a_jpeg():
    pixels = np.full((1, 2, 3), 100, np.uint8)
    painted = overlay(pixels, np.array([[1, 2]], np.uint8), PALETTE, 0.25)
    # BGR: three quarters of 100 and a quarter of the color.
    assert painted.tolist() == [[[75, 75, 125], [138, 75, 75]]]
    wide = np.zeros((2, 65600, 3), np.uint8)
    wide[:, 32800:] = 200
    content = np.frombuffer(jpeg(wide), np.uint8)
    found = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert found.shape == (1, 65500, 3)
    assert found[0, 0, 0] < 10 and found[0, -1, 0] > 190


def test_confidence_is_gray():
    confidence = np.array([[0, 0.5, 1]], np.float32)
    for bits, white in ((8, 255), (16, 65535)):
        content = np.frombuffer(confidence_png(confidence, bits), np.uint8)
        gray = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        assert gray[0, [0, 2]].tolist() == [0, white]
        assert abs(int(gray[0, 1]) - white / 2) <= 1


@pytest.mark.parametrize(
    ('label_map', 'reduce_zero_label'),
    [(None, True), ({0: 255, 1: 1, 2: 0, 3: 2}, False)],
)
def test_stored_numbers_are_read_as_the_classes(
    tmp_path, label_map, reduce_zero_label
):
    """What mmseg reads back is what the network has predicted."""
    meta = dict(
        label_map=label_map,
        reduce_zero_label=reduce_zero_label,
        palette=PALETTE,
    )
    label = np.array([[0, 1, 2], [255, 2, 0]], np.uint8)
    stored = stored_numbers(meta)[label]
    path = tmp_path / 'mask.png'
    path.write_bytes(mask_png(stored, stored_palette(meta)))
    results = LoadAnnotations()(
        dict(
            seg_map_path=str(path),
            seg_fields=[],
            label_map=label_map,
            reduce_zero_label=reduce_zero_label,
        )
    )
    np.testing.assert_array_equal(results['gt_seg_map'], label)
    colors = np.asarray(Image.open(path).convert('RGB'))
    assert colors[0].tolist() == PALETTE
    assert colors[1, 0].tolist() == [255, 255, 255]


def test_samples_are_even():
    assert spread(range(101), 3) == [0, 50, 100]
    assert spread('ab', 3) == ['a', 'b']
    sample = EvenSample(limit=4)
    for i in range(100):
        sample.offer(i, i)
    assert sample.items == [0, 32, 64, 96]


def test_thumbnails_of_what_is_no_image(tmp_path):
    for name, content in {'empty': b'', 'page': b'<html>'}.items():
        (tmp_path / name).write_bytes(content)
        assert read_thumbnail(tmp_path / name) is None
    assert read_thumbnail(tmp_path / 'gone') is None
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((90, 960), np.uint8))
    assert read_thumbnail(tmp_path / 'a.png').shape == (33, 360, 3)


def test_contact_sheet_has_every_image_beside_its_overlay(tmp_path):
    """Three images of two shapes, the last beside a gap."""
    pairs = []
    for i, shape in enumerate([(30, 60), (30, 60), (60, 30)]):
        image = np.full((*shape, 3), 40 * i, np.uint8)
        pairs.append((f'{i}' * 50, image, np.full_like(image, 200 + i)))
    path = tmp_path / 'new/sheet.png'
    draw_contact_sheet(path, pairs, ('a', 'b', 'c'), PALETTE)
    sheet = cv2.imread(str(path))
    assert abs(sheet.shape[1] - 4 * 368) < 20
    for i, (column, row) in enumerate([(0, 0), (1, 0), (0, 1)]):
        for value, offset in ((40 * i, 0), (200 + i, 1)):
            y = 26 + 20 + 90 + row * 200
            x = 8 + 180 + (2 * column + offset) * 368
            assert (sheet[y - 9 : y + 9, x - 9 : x + 9] == value).all()
