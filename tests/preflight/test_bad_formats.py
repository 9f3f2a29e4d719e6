"""Which image and mask formats are read, as what, and which are refused."""

import cv2
import numpy as np
import pytest
from bad_data import build, check, draw_all, gray_png, image, mask
from error_table import ROWS, row, rows
from PIL import Image
from support import CLASSMIX

PALETTE = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)


def gray(root):
    with Image.open(image(root)) as file:
        return np.array(file.convert('L'))


def as_gray(root):
    values = gray(root)
    Image.fromarray(values).save(image(root))
    return np.stack([values] * 3)


def as_16_bits(root):
    values = gray(root).astype(np.uint16) * 256 + 99
    Image.fromarray(values).save(image(root))
    return np.stack([values >> 8] * 3)


def as_16_bit_colors(root):
    values = cv2.imread(str(image(root))).astype(np.uint16) * 256 + 99
    cv2.imwrite(str(image(root)), values)
    return (values >> 8).transpose(2, 0, 1)


def as_rgba(root):
    with Image.open(image(root)) as file:
        colors = np.array(file)
    alpha = np.arange(colors[..., :1].size, dtype=np.uint8)
    alpha = alpha.reshape(*colors.shape[:2], 1)
    Image.fromarray(np.dstack([colors, alpha])).save(image(root))
    return colors[..., ::-1].transpose(2, 0, 1)


def as_palette(root):
    values = gray(root)
    picture = Image.fromarray(values)
    picture.putpalette(PALETTE.tobytes())
    picture.save(image(root))
    return PALETTE[values][..., ::-1].transpose(2, 0, 1)


def stored(root):
    with Image.open(mask(root)) as file:
        return np.array(file)


def palette_mask(root, **options):
    values = stored(root)
    picture = Image.fromarray(values)
    picture.putpalette(PALETTE.tobytes())
    picture.save(mask(root), **options)
    return values


def small_palette_mask(root):
    values = stored(root) % 255
    Image.fromarray(values).save(mask(root))
    return palette_mask(root, bits=2)


def small_16_bit_mask(root):
    values = stored(root)
    Image.fromarray(values.astype(np.uint16)).save(mask(root))
    return values


def one_bit_mask(root):
    values = stored(root) == 1
    mask(root).write_bytes(gray_png(values.astype(int), 1))
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


def sample(dataset):
    """The sample of im_1, unflipped: both streams flip at random."""
    dataset.datasets[0].pipeline.transforms[2].prob = 0.0
    return dataset.datasets[0][1]


@pytest.mark.parametrize('case', rows(IMAGES))
def test_image_is_read_as(case, own_data, monkeypatch, capsys):
    assert ROWS[case].found == 'never'
    expected = IMAGES[case](own_data)
    inputs = sample(build())['inputs'].numpy()
    np.testing.assert_array_equal(inputs, expected)
    assert check(monkeypatch, capsys)[0] == 0


@pytest.mark.parametrize('case', rows(MASKS))
def test_mask_is_read_as(case, own_data, monkeypatch, capsys):
    assert ROWS[case].found == 'never'
    expected = MASKS[case](own_data)
    read = sample(build())['data_samples'].gt_sem_seg.data[0].numpy()
    np.testing.assert_array_equal(read, expected)
    assert check(monkeypatch, capsys)[0] == 0


def decode_with(step, backend):
    """Return a change of the labeled pipeline."""

    def change(cfg):
        for item in cfg.train_dataloader.dataset.datasets[0].pipeline:
            if item.type == step:
                item.imdecode_backend = backend

    return change


REFUSED = {
    'palette mask decoded by cv2': (
        palette_mask,
        decode_with('LoadAnnotations', 'cv2'),
        ["imdecode_backend='cv2'", "imdecode_backend='pillow'", 'mode P'],
    ),
    '1-bit mask decoded by cv2': (
        one_bit_mask,
        decode_with('LoadAnnotations', 'cv2'),
        ["imdecode_backend='cv2'", "imdecode_backend='pillow'", 'mode 1'],
    ),
    '16-bit grayscale image decoded by Pillow': (
        as_16_bits,
        decode_with('LoadImageFromFile', 'pillow'),
        ["imdecode_backend='cv2'", 'I;16', '8 bits'],
    ),
}


@pytest.mark.parametrize('case', rows(REFUSED))
def test_decoder_that_would_change_the_numbers_is_refused(
    case, own_data, monkeypatch, capsys
):
    assert ROWS[case].found == 'reading'
    write, change, words = REFUSED[case]
    write(own_data)
    with pytest.raises(ValueError) as error:
        draw_all(build(change))
    message = str(error.value)
    assert [w for w in ('im_1.png', *words) if w not in message] == []
    config = own_data / 'config.py'
    kind, backend = (
        ('LoadImageFromFile', 'pillow')
        if 'image' in case
        else ('LoadAnnotations', 'cv2')
    )
    config.write_text(
        f"_base_ = '{CLASSMIX}'\n"
        'for step in _base_.train_pipeline:\n'
        f"    if step['type'] == '{kind}':\n"
        f"        step['imdecode_backend'] = '{backend}'\n"
        '_base_.train_dataloader.dataset.datasets[0].pipeline = '
        '_base_.train_pipeline\n'
    )
    code, output = check(monkeypatch, capsys, config)
    assert code == 1 and 'im_1.png' in output


@row('image of 32 bits a pixel')
def test_numbers_that_no_decoder_scales(own_data, monkeypatch, capsys):
    path = image(own_data)
    Image.fromarray(gray(own_data).astype(np.float32)).save(
        path, format='TIFF'
    )
    with pytest.raises(ValueError, match=r'im_1\.png .* has 32 bits'):
        draw_all(build())
    code, output = check(monkeypatch, capsys)
    assert code == 1 and str(path) in output
