"""Damaged files are named: at the start, when read, by check_dataset."""

import os
import shutil

import numpy as np
import pytest
from bad_config import problems_of, quick_config, with_words
from bad_data import build, check, gray_png, image, mask, rewrite, truncate
from error_table import ROWS, row, rows
from PIL import Image
from support import CLASSMIX
from tool_process import run_python

from mmseg_classmix.datasets import MultiSourceSampler
from mmseg_classmix.engine.runner import build_runner
from mmseg_classmix.preflight import PreflightError
from mmseg_classmix.preflight.data import bad_files

LABELED = 'train_dataloader.dataset.datasets[0]'
UNLABELED = 'train_dataloader.dataset.datasets[1]'


def empty(path):
    path.write_bytes(b'')


def text(path):
    path.write_text('<html>404 Not Found</html>')


def cut_jpeg(path, end=-100):
    """A JPEG of which only the start is written."""
    with Image.open(path) as file:
        file.convert('RGB').save(path, format='JPEG')
    path.write_bytes(path.read_bytes()[:end])


def filled_up_jpeg(path):
    """Decoders accept what a stopped download has reserved."""
    cut_jpeg(path, None)
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(len(data) - half))


def end_of_a_thumbnail(path):
    cut_jpeg(path)
    data = path.read_bytes()
    # A comment before the image, with an end marker in it.
    comment = b'\xff\xfe\x00\x06\xff\xd9\xff\xd9'
    path.write_bytes(data[:2] + comment + data[2:])


def turned(path):
    """An image of 40x32 that viewers show as 32x40."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(path) as file:
        file.save(path, format='JPEG', exif=exif)


def float_image(path):
    with Image.open(path) as file:
        values = np.array(file.convert('L'), np.float32)
    Image.fromarray(values).save(path, format='TIFF')


def rewritten(change, **options):
    return lambda path: rewrite(path, change, **options)


def beyond(pixels):
    pixels = pixels.astype(np.uint16)
    pixels[0, 0] = 256
    return pixels


def seven(pixels):
    pixels[0, 0] = 7
    return pixels


def colors(count):
    return rewritten(lambda pixels: np.dstack([pixels] * count))


# What is damaged, how, and what is said beside the path.
IMAGES = {
    'labeled image is empty': (empty, ['is empty (0 bytes)']),
    'image is truncated': (truncate, ['cannot be read']),
    'image is of another kind than its name': (text, ['cannot be read']),
    'image of 32 bits a pixel': (float_image, ['has 32 bits']),
    'image is turned by EXIF, its mask is not': (
        turned,
        ['(32, 40)', '(40, 32)', 'EXIF'],
    ),
}
MASKS = {
    'mask is missing': (os.unlink, ['does not exist']),
    'mask is empty': (empty, ['is empty (0 bytes)']),
    'mask is truncated': (truncate, ['cannot be read']),
    'mask is no image': (text, ['cannot be read']),
    'mask has another size than its image': (
        rewritten(lambda m: m[:30]),
        ['(30, 40)', '(32, 40)', 'has'],
    ),
    'mask has a value outside the classes': (
        rewritten(seven),
        ['has the values [7]', '3 classes', '255 (ignored)'],
    ),
    'RGB mask': (colors(3), ['is a color image (mode RGB)']),
    'RGBA mask': (colors(4), ['is a color image (mode RGBA)']),
    '16-bit mask with values beyond 255': (
        rewritten(beyond),
        ['has the values [256]', '8 bits'],
    ),
    'gray mask of 2 or 4 bits': (
        lambda path: path.write_bytes(gray_png(np.ones((32, 40), int), 4)),
        ["'L;4'", '8 bits'],
    ),
    'JPEG mask': (
        rewritten(lambda m: m, format='JPEG'),
        ['is a JPEG', 'PNG'],
    ),
}
UNLABELED_IMAGES = {
    'unlabeled image is empty': (empty, ['is empty (0 bytes)']),
    'JPEG is truncated': (cut_jpeg, ['truncated']),
    'JPEG is filled up with zeros': (filled_up_jpeg, ['truncated']),
}
CASES = rows({**IMAGES, **MASKS, **UNLABELED_IMAGES})


@pytest.fixture(scope='module')
def paths(tmp_path_factory, tiny_data):
    """Damage one file a case; its path by the row of the table."""
    root = tmp_path_factory.mktemp('damaged')
    shutil.copytree(tiny_data, root, dirs_exist_ok=True)
    found = {}
    for i, case in enumerate(CASES):
        name, split = f'bad_{i}.png', 'train'
        if case in UNLABELED_IMAGES:
            split = 'unlabeled'
        else:
            shutil.copy(mask(root), mask(root, name))
            with open(root / 'labeled.txt', 'a') as file:
                file.write(f'bad_{i}\n')
        shutil.copy(image(root, 'im_1.png', split), image(root, name, split))
        damaged = mask if case in MASKS else image
        found[case] = damaged(root, name, split)
        CASES[case][0](found[case])
        if 'EXIF' in case:
            # Which of the two is wrong nobody knows.
            found[case] = mask(root, name)
    end_of_a_thumbnail(
        shutil.copy(image(root), image(root, 'thumb.png', 'unlabeled'))
    )
    return root, found


@pytest.fixture
def damaged(paths, monkeypatch):
    root, found = paths
    monkeypatch.setenv('TINY_DATA', str(root))
    return found


def test_what_the_first_bytes_tell_is_found_at_the_start(damaged, tmp_path):
    labeled = build().datasets[0]
    problems = list(bad_files(labeled, headers=True))
    starts = {case for case in CASES if ROWS[case].found == 'start'}
    for case, path in damaged.items():
        words = [repr(str(path)), *CASES[case][1]]
        found = with_words(problems, words)
        assert len(found) == (case in starts), case
    assert len(problems) == len(starts)
    (problem,) = with_words(problems_of(tmp_path), ['bad entries'])
    for word in (LABELED, f'{len(starts)} bad entries', 'check_dataset.py'):
        assert word in problem


def test_what_the_pixels_tell_is_said_when_they_are_read(damaged):
    dataset, said = build(), {}
    for i, place in enumerate((LABELED, UNLABELED)):
        source = dataset.datasets[i]
        for k in range(len(source)):
            try:
                source[k]
            except ValueError as error:
                info = source.get_data_info(k)
                for key in ('img_path', 'seg_map_path'):
                    said[info.get(key)] = f'{error} {place}'
    for case, path in damaged.items():
        text = said[str(path)]
        if ROWS[case].found == 'reading':
            words = [str(path), *CASES[case][1]]
            assert with_words([text], words), (case, text)
            assert text.count(UNLABELED) == 2 * (case in UNLABELED_IMAGES)
        assert 'check_dataset.py' in text or 'Correct the mask' in text
    (thumbnail,) = [said[path] for path in said if 'thumb' in str(path)]
    assert 'truncated: a JPEG without its end' in thumbnail


def test_check_dataset_names_every_file(damaged):
    assert all(ROWS[case].check == 'yes' for case in CASES)
    code, output = check(CLASSMIX, '--examples', '99')
    assert code == 1
    lines = [line for line in output.splitlines() if line[:2] == '  ']
    for case, path in damaged.items():
        assert len(with_words(lines, [str(path)])) == 1, (case, output)
    assert len(lines) == len(damaged) + 1


def test_sound_data_passes(own_data, tmp_path):
    # With a JPEG at which a phone has appended something.
    path = image(own_data, 'late.png', 'unlabeled')
    cut_jpeg(shutil.copy(image(own_data), path), None)
    with open(path, 'ab') as file:
        file.write(b'what a phone appends')
    dataset = build()
    assert len([dataset[i] for i in range(len(dataset))]) == 11
    assert problems_of(tmp_path) == []
    code, output = check()
    assert code == 0 and 'No problem found' in output


def test_files_are_looked_at_when_they_are_drawn_first(own_data):
    dataset = build()
    draws = iter_draws(dataset)
    size = len(dataset.datasets[1])
    # Of the first pass over the source, then of the second.
    for _ in range(size):
        dataset[next(draws)]
        assert dataset.datasets[1].pipeline.look_at_files
    for _ in range(size):
        dataset[next(draws)]
        assert not dataset.datasets[1].pipeline.look_at_files


def iter_draws(dataset):
    sampler = MultiSourceSampler(dataset, 4, [1, 1], seed=0)
    return (draw for draw in sampler if draw.key[1] == 1)


@row('validation image or mask is missing or empty')
def test_validation_data_is_looked_at_before_training(own_data, tmp_path):
    missing = mask(own_data, 'im_2.png', 'val')
    missing.unlink()
    empty(image(own_data, 'im_0.png', 'val'))
    runner = build_runner(quick_config(tmp_path / 'run'))
    with pytest.raises(PreflightError) as error:
        runner.train()
    for word in (
        'val_dataloader.dataset',
        '2 bad entries',
        str(missing),
        str(image(own_data, 'im_0.png', 'val')),
    ):
        assert word in str(error.value)
    assert runner.iter == 0


@row('validation image or mask is damaged')
def test_validation_names_the_file(own_data, tmp_path):
    path = rewrite(mask(own_data, 'im_2.png', 'val'), seven)
    runner = build_runner(quick_config(tmp_path / 'run'))
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
