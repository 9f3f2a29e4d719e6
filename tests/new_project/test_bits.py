"""Images of 16 bits: those of cameras with fewer would be black."""

import cv2
import numpy as np
import pytest
from own_images import new_project, save, write_images
from PIL import Image

from mmseg_classmix.new_project.images import brightest, read_header


@pytest.mark.parametrize(
    ('suffix', 'shape'), [('.png', (20, 30)), ('.tif', (20, 30, 3))]
)
def test_16_bits_are_seen(tmp_path, suffix, shape):
    path = tmp_path / f'a{suffix}'
    save(path, np.full(shape, 4095, np.uint16))
    assert read_header(str(path)).wide
    assert brightest(str(path)) == 4095
    save(path, np.full(shape, 255, np.uint8))
    assert not read_header(str(path)).wide


@pytest.mark.parametrize('which', ['labeled', 'val'])
def test_dark_labeled_images_are_refused(tmp_path, which):
    root = write_images(tmp_path, labeled=3)
    other = write_images(tmp_path / 'val', labeled=2, unlabeled=0)
    folder = (root if which == 'labeled' else other) / 'photos'
    gray = cv2.imread(str(folder / 'p 1.png'), cv2.IMREAD_GRAYSCALE)
    save(folder / 'p 1.png', gray.astype(np.uint16) * 16)
    val = '--val-images', other / 'photos', '--val-masks', other / 'masks'
    output = new_project(root, *val, code=1)
    text = f'{which} images have 16 bits a pixel, but no value beyond 3520'
    assert text in output
    assert str(folder / 'p 1.png') in output
    # All bits are used: only a remark.
    save(folder / 'p 1.png', gray.astype(np.uint16) * 257)
    output = new_project(root, *val)
    assert f'NOTE: {which} images with 16 bits' in output


def test_image_that_cv2_cannot_decode_is_a_problem(tmp_path):
    root = write_images(tmp_path, labeled=3)
    path = root / 'more' / 'cut.tif'
    Image.fromarray(np.full((99, 99), 9999, np.uint16)).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    output = new_project(root, code=1)
    assert 'unlabeled images with 16 bits that cv2 cannot decode: 1' in output
    assert str(path) in output
