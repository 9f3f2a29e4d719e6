"""Names, links and sizes of folders, and lists from any editor."""

import os
import shutil
import tracemalloc

import pytest
from bad_data import build, check, draw_all, image
from error_table import ROWS, row, rows
from support import CLASSMIX, SUPERVISED, call_tool

from mmseg_classmix.datasets import UnlabeledDataset


def unlabeled(root, **kwargs):
    """Names of the images of the unlabeled folder, as a dataset has them."""
    folder = root / 'images' / 'unlabeled'
    dataset = UnlabeledDataset(
        data_root=str(root),
        data_prefix=dict(img_path='images/unlabeled'),
        **kwargs,
    )
    return [
        os.path.relpath(dataset.get_data_info(i)['img_path'], folder)
        for i in range(len(dataset))
    ]


def copy_as(root, name):
    target = root / 'images' / 'unlabeled' / os.fsdecode(name)
    target.parent.mkdir(exist_ok=True)
    shutil.copy(image(root), target)


NAMES = rows(
    {
        'name with spaces': 'a b  c.png',
        'name with other letters': 'Z\u00fcrich \u6771\u4eac \U0001f6a6.png',
        'name with a line end in it': 'first\nsecond.png',
        'name that is no UTF-8': b'caf\xe9.png',
    }
)


def test_images_of_any_name_are_read(own_data):
    assert all(ROWS[case].found == 'never' for case in NAMES)
    for name in NAMES.values():
        copy_as(own_data, name)
    dataset = build()
    paths = [s['data_samples'].img_path for s in draw_all(dataset)]
    for name in NAMES.values():
        assert os.fsdecode(name) in unlabeled(own_data)
        assert any(path.endswith(os.fsdecode(name)) for path in paths)
    # The same image as im_1 of the labeled stream.
    assert check(CLASSMIX, '--allow-overlap')[0] == 0


LISTS = rows(
    {
        'list with Windows line ends': 'im_0\r\na b\r\n\u6771\r\n'.encode(),
        'unlabeled list with a byte order mark or blank lines': (
            b'\xef\xbb\xbfim_0\n\n  a b \n\xe6\x9d\xb1.png\n\n'
        ),
    }
)


def test_lists_of_any_editor_are_read(own_data):
    for name in ('a b.png', '\u6771.png'):
        copy_as(own_data, name)
    for case, data in LISTS.items():
        assert ROWS[case].found == 'never'
        (own_data / 'list.txt').write_bytes(data)
        names = unlabeled(own_data, ann_file='list.txt')
        assert names == ['im_0.png', 'a b.png', '\u6771.png']


def test_labeled_list_with_windows_line_ends(own_data):
    (own_data / 'labeled.txt').write_bytes(b'im_0\r\nim_1\r\n')
    names = [os.path.basename(d['img_path']) for d in infos(build(), 0)]
    assert names == ['im_0.png', 'im_1.png']


def infos(dataset, index):
    source = dataset.datasets[index]
    return [source.get_data_info(i) for i in range(len(source))]


@row('name that no list can hold')
def test_make_splits_refuses_such_a_name(own_data, tmp_path):
    for kind in ('images', 'masks'):
        folder = own_data / kind / 'train'
        (folder / 'im_1.png').rename(folder / 'im\n1.png')
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = '{SUPERVISED}'\n"
        'train_dataloader = dict(dataset=dict(datasets=[dict(\n'
        "    _base_.labeled, ann_file='')]))\n"
    )
    with pytest.raises(ValueError) as error:
        call_tool('make_splits.py', config, tmp_path, '--counts', 'a=1')
    message = str(error.value)
    assert r"'im\n1'" in message and 'rename the file' in message


@row('listed name may mean several images')
def test_name_without_suffix_of_two_images(own_data):
    copy_as(own_data, 'im_0.jpg')
    (own_data / 'list.txt').write_text('im_1\nim_0\n')
    with pytest.raises(ValueError) as error:
        unlabeled(own_data, ann_file='list.txt')
    message = str(error.value)
    for word in ('list.txt', "'im_0'", 'im_0.jpg or im_0.png', 'img_suffix'):
        assert word in message
    names = unlabeled(own_data, ann_file='list.txt', img_suffix='.png')
    assert names == ['im_1.png', 'im_0.png']


def broken_link(root):
    link = root / 'images' / 'unlabeled' / 'im_9.png'
    link.symlink_to('gone.png')
    return link


def link_to_itself(root):
    link = root / 'images' / 'unlabeled' / 'again'
    link.symlink_to('again')
    return link


def circle(root):
    link = root / 'images' / 'unlabeled' / 'deeper' / 'back'
    link.parent.mkdir()
    link.symlink_to('..')
    return link


def second_way(root):
    folder = root / 'images' / 'unlabeled'
    (folder / 'a').mkdir()
    (folder / 'b').symlink_to('a')
    return folder / 'b'


NOWHERE, TWICE = 'which does not exist', 'are the same folder'
LINKS = {
    'broken link in the unlabeled folder': (broken_link, NOWHERE),
    'link to itself in the unlabeled folder': (link_to_itself, NOWHERE),
    'links in a circle in the unlabeled folder': (circle, TWICE),
    'links to one folder twice': (second_way, TWICE),
}


@pytest.mark.parametrize('case', rows(LINKS))
def test_links_that_lead_nowhere_new(case, own_data):
    make, words = LINKS[case]
    path = make(own_data)
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        build()
    # Of two ways to a folder, either may be found first.
    assert str(path) in str(error.value)
    assert words in str(error.value)
    assert 'emove the link' in str(error.value)
    code, output = check()
    assert code == 1 and str(path) in output


def test_links_to_other_places_are_followed(own_data):
    folder = own_data / 'images' / 'unlabeled'
    (folder / 'more').symlink_to(own_data / 'images' / 'val')
    (folder / 'one.png').symlink_to(image(own_data, 'im_5.png'))
    (folder / '.trash').mkdir()
    shutil.copy(image(own_data), folder / '.trash' / 'x.png')
    shutil.copy(image(own_data), folder / '.hidden.png')
    names = unlabeled(own_data)
    assert len(names) == 6 + 3 + 1
    assert {'more/im_0.png', 'one.png'} <= set(names)


@row('folder with very many images')
def test_many_names_are_listed_without_touching_them(tmp_path):
    count, folder = 20000, tmp_path / 'images'
    for i in range(7):
        (folder / str(i)).mkdir(parents=True)
    for i in range(count):
        # Without content: an image that is looked at would be refused.
        (folder / str(i % 7) / f'frame_{i:06d}_leftImg8bit.png').touch()
    tracemalloc.start()
    data = UnlabeledDataset(data_prefix=dict(img_path=str(folder)))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data) == count
    last = data.get_data_info(count - 1)['img_path']
    assert last == str(folder / '6' / 'frame_019998_leftImg8bit.png')
    # mmengine's own way takes 840 bytes a name at its peak.
    assert peak / count < 450
    assert kept / count < 250
