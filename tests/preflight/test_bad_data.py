"""Damaged images and masks are named in training and by check_dataset."""

import numpy as np
import pytest
from bad_config import quick_config
from bad_data import (
    build,
    check,
    draw_all,
    gray_png,
    image,
    mask,
    rewrite,
    truncate,
)
from error_table import ROWS, row, rows
from PIL import Image
from support import CLASSMIX
from tool_process import run_python

from mmseg_classmix.engine.runner import ClassMixRunner


def empty(path):
    path.write_bytes(b'')
    return path


def text(path):
    path.write_text('<html>404 Not Found</html>')
    return path


def remove(path):
    path.unlink()
    return path


def jpeg(root, end=None, **options):
    """Add an unlabeled JPEG of which only the start is written."""
    path = image(root, 'late.jpg', 'unlabeled')
    with Image.open(image(root)) as file:
        file.save(path, **options)
    path.write_bytes(path.read_bytes()[:end])
    return path


def filled_up_jpeg(root):
    """Decoders accept what a stopped download has reserved."""
    path = jpeg(root)
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(len(data) - half))
    return path


def turned(root):
    """An image of 40x32 that viewers show as 32x40."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(image(root)) as file:
        file.save(image(root), format='JPEG', exif=exif)
    return mask(root)


def beyond(pixels):
    pixels = pixels.astype(np.uint16)
    pixels[0, 0] = 256
    return pixels


def seven(pixels):
    pixels[0, 0] = 7
    return pixels


def four_bits(root):
    mask(root).write_bytes(gray_png(np.ones((32, 40), int), 4))
    return mask(root)


LABELED = 'train_dataloader.dataset.datasets[0]'
UNLABELED = 'train_dataloader.dataset.datasets[1]'
# What is wrong, and what the error says beside the path of the file.
CASES = {
    'mask is missing': (
        lambda root: remove(mask(root)),
        [LABELED, 'there is no mask'],
    ),
    'labeled image is empty': (
        lambda root: empty(image(root)),
        [LABELED, 'is empty (0 bytes)'],
    ),
    'mask is empty': (
        lambda root: empty(mask(root)),
        [LABELED, 'is empty (0 bytes)'],
    ),
    'unlabeled image is empty': (
        lambda root: empty(image(root, 'im_2.png', 'unlabeled')),
        [UNLABELED, 'is empty (0 bytes)'],
    ),
    'image is truncated': (
        lambda root: truncate(image(root)),
        [LABELED, 'cannot be read'],
    ),
    'JPEG is truncated': (
        lambda root: jpeg(root, -100),
        [UNLABELED, 'truncated'],
    ),
    'JPEG is filled up with zeros': (
        filled_up_jpeg,
        [UNLABELED, 'truncated'],
    ),
    'image is of another kind than its name': (
        lambda root: text(image(root)),
        [LABELED, 'cannot be read'],
    ),
    'mask is truncated': (
        lambda root: truncate(mask(root)),
        [LABELED, 'cannot be read'],
    ),
    'mask is no image': (
        lambda root: text(mask(root)),
        [LABELED, 'cannot be read'],
    ),
    'mask has another size than its image': (
        lambda root: rewrite(mask(root), lambda m: m[:30]),
        [LABELED, '(30, 40)', '(32, 40)', 'im_1.png has'],
    ),
    'image is turned by EXIF, its mask is not': (
        turned,
        [LABELED, '(32, 40)', '(40, 32)', 'EXIF'],
    ),
    'mask has a value outside the classes': (
        lambda root: rewrite(mask(root), seven),
        [LABELED, 'has the values [7]', '3 classes', '255 (ignored)'],
    ),
    'RGB mask': (
        lambda root: rewrite(mask(root), lambda m: np.dstack([m] * 3)),
        [LABELED, 'is a color image (mode RGB)'],
    ),
    'RGBA mask': (
        lambda root: rewrite(mask(root), lambda m: np.dstack([m] * 4)),
        [LABELED, 'is a color image (mode RGBA)'],
    ),
    '16-bit mask with values beyond 255': (
        lambda root: rewrite(mask(root), beyond),
        [LABELED, 'has the values [256]', '8 bits'],
    ),
    'gray mask of 2 or 4 bits': (four_bits, [LABELED, "'L;4'", '8 bits']),
    'JPEG mask': (
        lambda root: rewrite(mask(root), lambda m: m, format='JPEG'),
        [LABELED, 'is a JPEG', 'PNG'],
    ),
}


@pytest.mark.parametrize('case', rows(CASES))
def test_training_names_the_file(case, own_data):
    damage, words = CASES[case]
    path = damage(own_data)
    if ROWS[case].found == 'reading':
        dataset = build()
        with pytest.raises(ValueError) as error:
            draw_all(dataset)
    else:
        assert ROWS[case].found == 'start'
        with pytest.raises(ValueError) as error:
            build()
    message = str(error.value)
    assert [w for w in (str(path), *words) if w not in message] == []
    assert 'check_dataset.py' in message or 'Correct the mask' in message


@pytest.mark.parametrize('case', rows(CASES))
def test_check_dataset_names_the_file(case, own_data, monkeypatch, capsys):
    assert ROWS[case].check == 'yes'
    path = CASES[case][0](own_data)
    code, output = check(monkeypatch, capsys)
    assert code == 1
    assert str(path) in output
    assert '1 kinds of problems' in output


def test_sound_data_passes(own_data, monkeypatch, capsys):
    assert len(draw_all(build())) == 10
    code, output = check(monkeypatch, capsys)
    assert code == 0 and 'No problem found' in output


def test_jpeg_with_appended_data_is_whole(own_data, monkeypatch, capsys):
    with open(jpeg(own_data), 'ab') as file:
        file.write(b'what a phone appends')
    assert len(draw_all(build())) == 11
    assert check(monkeypatch, capsys)[0] == 0


def test_end_of_a_thumbnail_is_not_that_of_the_image(own_data):
    path = jpeg(own_data, -100)
    data = path.read_bytes()
    # A comment before the image, with an end marker in it.
    comment = b'\xff\xfe\x00\x06\xff\xd9\xff\xd9'
    path.write_bytes(data[:2] + comment + data[2:])
    with pytest.raises(ValueError, match='truncated: a JPEG without its end'):
        draw_all(build())


@row('validation image or mask is missing or empty')
def test_validation_data_is_looked_at_before_training(own_data, tmp_path):
    remove(mask(own_data, 'im_2.png', 'val'))
    empty(image(own_data, 'im_0.png', 'val'))
    runner = ClassMixRunner.from_cfg(quick_config(tmp_path / 'run'))
    with pytest.raises(ValueError) as error:
        runner.train()
    for word in (
        'val_dataloader.dataset',
        '2 bad entries',
        str(mask(own_data, 'im_2.png', 'val')),
        str(image(own_data, 'im_0.png', 'val')),
    ):
        assert word in str(error.value)
    assert runner.iter == 0


@row('validation image or mask is damaged')
def test_validation_names_the_file(own_data, tmp_path):
    path = rewrite(mask(own_data, 'im_2.png', 'val'), seven)
    runner = ClassMixRunner.from_cfg(quick_config(tmp_path / 'run'))
    with pytest.raises(ValueError) as error:
        runner.val()
    assert str(path) in str(error.value)
    assert 'val_dataloader.dataset' in str(error.value)


def test_error_of_a_worker_ends_with_the_file(own_data, tmp_path):
    path = truncate(image(own_data, 'im_3.png'))
    done = run_python(
        'train.py',
        CLASSMIX,
        '--cfg-options',
        'train_dataloader.num_workers=2',
        cwd=tmp_path,
    )
    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith('ValueError: ')
    assert str(path) in last and 'check_dataset.py' in last
