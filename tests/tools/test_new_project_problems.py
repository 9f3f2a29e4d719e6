"""Nothing is written unless everything is right, and all else is said."""

import re

import cv2
import numpy as np
import pytest
from own_images import new_project, read, save, write_images


def test_every_problem_is_listed_at_once_and_nothing_is_written(tmp_path):
    root = write_images(tmp_path, labeled=6)
    (root / 'masks' / 'p 0_mask.png').unlink()
    (root / 'photos' / 'p 1.png').write_bytes(b'')
    mask = root / 'masks' / 'p 2_mask.png'
    save(mask, np.zeros((53, 37), np.uint8))
    save(root / 'masks' / 'p 3_mask.png', np.full((37, 53), 7, np.uint8))
    (root / 'more' / 'page.jpg').write_bytes(b'<html>not found</html>')
    output = new_project(root, code=1)
    for name in ('p 0.JPG', 'p 1.png', str(mask), 'p 3_mask.png', 'page.jpg'):
        assert name in output
    assert '[0, 7, 255]' in output
    assert output.count('  -> ') == 5
    assert '5 problems; nothing was written' in output
    assert not (root / 'my project').exists()


def test_folder_that_is_not_empty_is_refused(tmp_path):
    root = write_images(tmp_path, labeled=3)
    (root / 'my project').mkdir()
    new_project(root)
    before = sorted((root / 'my project').rglob('*'))
    text = new_project(root, '--seed', '1', code=1)
    assert 'exists and is not empty' in text
    assert sorted((root / 'my project').rglob('*')) == before


def spoil_gray_colors(root):
    for path in (root / 'masks').iterdir():
        save(path, cv2.imread(str(path), cv2.IMREAD_COLOR))


def spoil_values(root):
    for i, path in enumerate(sorted((root / 'masks').iterdir())):
        save(path, np.full((37, 53), (0, 127, 254)[i], np.uint8))


def spoil_16_bits(root):
    next((root / 'more').rglob('u3.png')).unlink()
    dark = np.full((20, 20), 4095, np.uint16)
    save(root / 'more' / 'raw.png', dark)


def spoil_names(root):
    for path in (root / 'masks').iterdir():
        path.rename(path.with_name(f'x{path.name}'))


def spoil_image(root):
    (root / 'photos' / 'p 0.png').write_bytes(b'same stem')


def spoil_line_end(root):
    path = next((root / 'more').rglob('u0*'))
    path.rename(path.with_name('a\nb.jpg'))


def spoil_copies(root):
    paths = sorted((root / 'photos').iterdir())
    for path in paths[1:]:
        path.write_bytes(paths[0].read_bytes())


def spoil_count(root):
    for path in [*(root / 'photos').iterdir()][1:]:
        path.unlink()


@pytest.mark.parametrize(
    ('spoil', 'texts'),
    [
        (spoil_gray_colors, ['color images, of grays,', '0,0,0 (']),
        (
            spoil_values,
            ['[0, 127, 254]', '--mask-values 127 254 --ignored-values 0'],
        ),
        (spoil_16_bits, ['raw.png', 'no value beyond 4095']),
        (spoil_names, ['p 0.JPG', 'xp 0_mask.png', '--mask-suffix']),
        (spoil_image, ['p 0.JPG and p 0.png: p 0_mask.png']),
        (spoil_line_end, [r"'deep/a\nb.jpg'", 'rename the file']),
        (spoil_copies, ['is left to train on', '--val-images']),
        (spoil_count, ['has 1 image with a mask', 'label at least 2']),
    ],
)
def test_bad_data_is_named_with_a_way_out(tmp_path, spoil, texts):
    root = write_images(tmp_path, labeled=3)
    spoil(root)
    output = new_project(root, code=1)
    for text in [*texts, '  -> ', 'nothing was written']:
        assert text in output
    assert not (root / 'my project').exists()


def test_bad_arguments_are_named_with_a_way_out(tmp_path):
    root = write_images(tmp_path, labeled=3)
    more = ['--unlabeled', '/no/folder', '--pretrained', '/no/file']
    more += ['--init', '/no/file', '--model', 'no.py']
    output = new_project(root, *more, classes='a', code=1)
    for text in (
        '--unlabeled: no folder',
        '--pretrained: no file',
        '--init: no file',
        '--model: no config no.py',
        'name the background too',
    ):
        assert text in output
    assert output.count('  -> ') == 5
    assert not (root / 'my project').exists()


@pytest.mark.parametrize(
    ('more', 'classes', 'text'),
    [
        ([], 'aba', 'a occurs more than once'),
        (['--mask-values', '0'], 'ab', 'one value for each of the 2 classes'),
        (['--colors', '1,2,3'], 'ab', '1 different --colors for 2 classes'),
    ],
)
def test_classes_that_cannot_be_told_apart(tmp_path, more, classes, text):
    root = write_images(tmp_path, labeled=3)
    assert text in new_project(root, *more, classes=classes, code=1)


def test_images_that_are_all_labeled_leave_no_unlabeled_ones(tmp_path):
    root = write_images(tmp_path, labeled=4)
    command = ['--unlabeled', root / 'photos']
    output = new_project(root, *command, code=1)
    assert 'give --reuse-labeled' in output
    new_project(root, *command, '--reuse-labeled')
    assert read(root, 'unlabeled') == read(root, 'labeled')


def test_class_that_cannot_be_learned_or_measured_is_said(tmp_path):
    root = write_images(tmp_path, labeled=5, white=1)
    new_project(root, out='first')
    (val,) = read(root, 'val', 'first')
    mask = root / 'masks' / f'{val.rpartition(".")[0]}_mask.png'
    save(mask, np.full((37, 53), 2, np.uint8))
    output = new_project(root, classes=['a', 'b', 'rare', 'none'])
    assert "class 'rare' is in validation images only" in output
    assert "class 'none' has no pixel in any mask" in output
    assert "class 'b' is in no validation image" in output
    assert 'labeled images to train on: only 4.' in output
    assert re.search(r'\| rare +\| +0.00 \| +0 \| +1 \|', output)
