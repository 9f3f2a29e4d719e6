"""Nothing that is evaluated is trained on, whatever its name."""

import hashlib

from mmseg_classmix.own_data.streams import (
    LabeledImage,
    unlabeled_stream,
    without_copies,
)


def image(root, name, content):
    path = root / 'labeled' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return LabeledImage(name, str(path), hashlib.sha256(content).hexdigest())


def digests_of(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
    }


def test_copies_of_validation_images_are_not_trained_on(tmp_path):
    a = image(tmp_path, 'a.png', b'1')
    copy, other = image(tmp_path, 'b.png', b'1'), image(tmp_path, 'c', b'2')
    stream = without_copies(['b.png', 'c'], {'b.png': copy, 'c': other}, [a])
    assert stream.names == ['c']
    assert list(stream.left_out.values()) == [['b.png']]
    assert without_copies(['c'], {'c': other}, [a]).left_out == {}


def test_reasons(tmp_path):
    val = [image(tmp_path, 'v.jpg', b'v')]
    labeled = [image(tmp_path, 'l.jpg', b'l'), *val]
    more = tmp_path / 'more'
    more.mkdir()
    files = dict(copy=b'v', v=b'x', again=b'l', l=b'y', fresh=b'z', mask=b'm')
    for name, content in files.items():
        (more / name).write_bytes(content)
    (more / 'link').symlink_to(tmp_path / 'labeled' / 'v.jpg')
    names = sorted([*files, 'link'])
    arguments = (str(more), names, labeled, val, [str(more / 'mask')])
    stream = unlabeled_stream(*arguments, digests_of(more))
    # Of labeled images the content counts, not the name.
    assert stream.names == ['fresh', 'l']
    assert stream.left_out == {
        'labeled images': ['again'],
        'validation images': ['copy', 'link'],
        'masks': ['mask'],
        'named like validation images': ['v'],
    }
    stream = unlabeled_stream(*arguments, digests_of(more), True)
    assert stream.names == ['again', 'fresh', 'l']
