"""Nothing that is evaluated is trained on, whatever its name."""

import hashlib

import cv2
import numpy as np
import pytest
from own_images import draw, new_project, read, save

from mmseg_classmix.new_project.images import same_picture
from mmseg_classmix.new_project.streams import known, leave_out


def write(folder, **files):
    """Write files; return their paths and digests by name."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    paths = {path.name: str(path) for path in sorted(folder.iterdir())}
    return paths, {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in paths
    }


def test_reasons(tmp_path):
    paths, digests = write(tmp_path / 'labeled', v=b'v', l=b'l')
    val = known([paths['v']], [digests['v']])
    labeled = known(paths.values(), digests.values())
    more = tmp_path / 'more'
    files = dict(copy=b'v', v=b'x', again=b'l', l=b'y', fresh=b'z', mask=b'm')
    paths, digests = write(more, **files)
    (more / 'link').symlink_to(tmp_path / 'labeled' / 'v')
    paths['link'] = str(more / 'link')
    masks = known([str(more / 'mask')])
    reasons = dict(masks=masks, val=val, labeled=labeled)
    stream = leave_out(paths, digests, reasons, {'v': 'a twin'})
    # Of labeled images the content counts, not the name.
    assert stream.names == ['fresh', 'l']
    assert stream.left_out == {
        'labeled': ['again'],
        'val': ['copy', 'link'],
        'masks': ['mask'],
        'a twin': ['v'],
    }
    del reasons['labeled']
    stream = leave_out(paths, digests, reasons)
    assert stream.names == ['again', 'fresh', 'l', 'v']


def test_pictures_are_compared_whatever_their_format(tmp_path):
    rng = np.random.default_rng(1)
    image, other = draw(rng, (99, 120))[0], draw(rng, (99, 120))[0]
    half = cv2.resize(image, (60, 50), interpolation=cv2.INTER_AREA)
    files = dict(a=image, b=other, half=half)
    # Nights are dark, and not all alike.
    files |= dict(night=image // 20, other_night=other // 20)
    for name, array in files.items():
        save(tmp_path / f'{name}.png', array)
    save(tmp_path / 'a.jpg', image)
    (tmp_path / 'bad.png').write_bytes(b'no image')

    def same(*names):
        return same_picture([str(tmp_path / name) for name in names])

    assert same('a.jpg', 'a.png')
    assert same('a.jpg', 'half.png')
    assert not same('a.png', 'b.png')
    assert not same('night.png', 'other_night.png')
    assert not same('a.png', 'bad.png')


def numbered(root, folder, images, suffix='.png'):
    for i, image in enumerate(images):
        save(root / folder / f'{i:04}{suffix}', image)


@pytest.fixture
def cameras(tmp_path):
    """Cameras that number their images from 0000."""
    rng = np.random.default_rng(2)
    for images, masks in (('photos', 'masks'), ('val', 'val_masks')):
        drawn = [draw(rng, (37, 53)) for _ in range(4)]
        numbered(tmp_path, images, [image for image, _ in drawn])
        numbered(tmp_path, masks, [mask for _, mask in drawn])
    more = [draw(rng, (37, 53))[0] for _ in range(4)]
    numbered(tmp_path, 'more', more)
    return tmp_path


def test_same_numbers_of_other_cameras_are_other_images(cameras):
    val = '--val-images', cameras / 'val', '--val-masks', cameras / 'val_masks'
    output = new_project(cameras, *val, out='first')
    assert len(read(cameras, 'unlabeled', 'first')) == 4
    assert '4 unlabeled images are named like validation images' in output
    # One of them is a validation image, stored again.
    (cameras / 'more' / '0002.png').unlink()
    copy = cv2.imread(str(cameras / 'val' / '0002.png'))
    save(cameras / 'more' / '0002.jpg', copy)
    output = new_project(cameras, *val, out='second')
    assert len(read(cameras, 'unlabeled', 'second')) == 3
    assert '1 validation images in another format, by name and' in output


def test_same_names_in_one_folder_are_the_same_images(cameras):
    (cameras / 'val').rename(cameras / 'more' / 'val')
    val = '--val-images', cameras / 'more' / 'val'
    val += '--val-masks', cameras / 'val_masks'
    output = new_project(cameras, *val, code=1)
    assert 'is left: 4 named like validation images of the same' in output
    assert 'rename those that show something else' in output
    assert '--reuse-labeled' not in output
