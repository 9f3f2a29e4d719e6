"""Which image and mask formats are read, as what, and which are refused."""

import shutil

import cv2
import numpy as np
import pytest
from bad_config import problems_of, with_words
from bad_data import build, check, gray_png, image, mask
from error_table import ROWS, rows
from PIL import Image
from support import CLASSMIX

from mmseg_classmix.preflight.data import bad_files

PALETTE = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)


def gray(path):
    with Image.open(path) as file:
        return np.array(file.convert('L'))


def as_gray(path):
    values = gray(path)
    Image.fromarray(values).save(path)
    return np.stack([values] * 3)


def as_16_bits(path):
    values = gray(path).astype(np.uint16) * 256 + 99
    Image.fromarray(values).save(path)
    return np.stack([values >> 8] * 3)


def as_16_bit_colors(path):
    values = cv2.imread(str(path)).astype(np.uint16) * 256 + 99
    cv2.imwrite(str(path), values)
    return (values >> 8).transpose(2, 0, 1)


def as_rgba(path):
    with Image.open(path) as file:
        colors = np.array(file)
    alpha = np.arange(colors[..., :1].size, dtype=np.uint8)
    alpha = alpha.reshape(*colors.shape[:2], 1)
    Image.fromarray(np.dstack([colors, alpha])).save(path)
    return colors[..., ::-1].transpose(2, 0, 1)


def as_palette(path):
    values = gray(path)
    picture = Image.fromarray(values)
    picture.putpalette(PALETTE.tobytes())
    picture.save(path)
    return PALETTE[values][..., ::-1].transpose(2, 0, 1)


def pixels(path):
    with Image.open(path) as file:
        return np.array(file)


def palette_mask(path, **options):
    values = pixels(path)
    picture = Image.fromarray(values)
    picture.putpalette(PALETTE.tobytes())
    picture.save(path, **options)
    return values


def small_palette_mask(path):
    values = pixels(path) % 255
    Image.fromarray(values).save(path)
    return palette_mask(path, bits=2)


def small_16_bit_mask(path):
    values = pixels(path)
    Image.fromarray(values.astype(np.uint16)).save(path)
    return values


def one_bit_mask(path):
    values = pixels(path) == 1
    path.write_bytes(gray_png(values.astype(int), 1))
    return values


IMAGES = {
    'grayscale image': as_gray,
    '16-bit grayscale image': as_16_bits,
    '16-bit color image': as_16_bit_colors,
    'RGBA image': as_rgba,
    'palette image': as_palette,
}
MASKS = {
    'palette mask': palette_mask,
    'palette mask of less than 8 bits': small_palette_mask,
    '16-bit mask with values up to 255': small_16_bit_mask,
    '1-bit mask': one_bit_mask,
}
CASES = rows({**IMAGES, **MASKS})


@pytest.fixture
def stored(own_data):
    """Write an image or a mask a case: what is to be read, by its path."""
    expected, names = {}, []
    for i, (case, write) in enumerate(CASES.items()):
        name = f'as_{i}.png'
        for path in (image, mask):
            shutil.copy(path(own_data), path(own_data, name))
        path = (image if case in IMAGES else mask)(own_data, name)
        expected[case] = path, write(path)
        names.append(f'as_{i}')
    (own_data / 'labeled.txt').write_text('\n'.join(names))
    return expected


def decode_with(step, backend):
    """Return a change of the labeled pipeline."""

    def change(cfg):
        for item in cfg.train_dataloader.dataset.datasets[0].pipeline:
            if item.type == step:
                item.imdecode_backend = backend

    return change


def test_they_are_read_as(stored, tmp_path):
    dataset = build().datasets[0]
    # Both streams flip at random.
    dataset.pipeline.transforms[2].prob = 0.0
    for i, (case, (_, expected)) in enumerate(stored.items()):
        assert ROWS[case].found == 'never'
        sample = dataset[i]
        read = sample['data_samples'].gt_sem_seg.data[0]
        read = sample['inputs'] if case in IMAGES else read
        np.testing.assert_array_equal(read.numpy(), expected, case)
    assert problems_of(tmp_path) == []
    assert check()[0] == 0


REFUSED = rows(
    {
        'palette mask decoded by cv2': (
            'palette mask',
            decode_with('LoadAnnotations', 'cv2'),
            ["imdecode_backend='cv2'", "backend='pillow'", 'mode P'],
        ),
        '1-bit mask decoded by cv2': (
            '1-bit mask',
            decode_with('LoadAnnotations', 'cv2'),
            ["imdecode_backend='cv2'", "backend='pillow'", 'mode 1'],
        ),
        '16-bit grayscale image decoded by Pillow': (
            '16-bit grayscale image',
            decode_with('LoadImageFromFile', 'pillow'),
            ["imdecode_backend='cv2'", 'I;16', '8 bits'],
        ),
    }
)


def test_decoders_that_would_change_the_numbers_are_refused(stored):
    for case, (stored_as, change, words) in REFUSED.items():
        assert ROWS[case].found == 'start'
        found = list(bad_files(build(change).datasets[0], headers=True))
        words = [str(stored[stored_as][0]), *words]
        assert len(with_words(found, words)) == 1, (case, found)


def test_check_dataset_reads_with_the_decoders_of_the_config(stored, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = '{CLASSMIX}'\n"
        '_base_.labeled.pipeline[1].imdecode_backend = "cv2"\n'
        'train_dataloader = dict(\n'
        '    dataset=dict(datasets=[_base_.labeled, _base_.unlabeled]))\n'
    )
    code, output = check(config)
    assert code == 1 and str(stored['palette mask'][0]) in output
