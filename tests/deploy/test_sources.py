import os

import pytest

from mmseg_classmix.deploy import Source, find_sources, is_video
from mmseg_classmix.deploy.sources import find_videos


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_keep_their_structure_and_names_stay_apart(tmp_path):
    touch(tmp_path, 'a.jpg', 'a.png', 'b/c.d.JPG', 'b/é 1.png', 'b/notes.txt')
    touch(tmp_path, '.hidden/x.png', 'c/a.png')
    names = {
        s.path.relative_to(tmp_path): s.name for s in find_sources(tmp_path)
    }
    assert {path.as_posix(): name for path, name in names.items()} == {
        'a.jpg': 'a.jpg',
        'a.png': 'a.png',
        'b/c.d.JPG': 'b/c.d',
        'b/é 1.png': 'b/é 1',
        'c/a.png': 'c/a',
    }


def test_no_two_results_have_one_name(tmp_path):
    touch(tmp_path, 'a.jpg', 'a.png', 'a.jpg.png', 'a.jpg.png.tif')
    names = {s.path.name: s.name for s in find_sources(tmp_path)}
    assert names == {
        'a.jpg': 'a.jpg',
        'a.png': 'a.png',
        'a.jpg.png': 'a.jpg.png',
        'a.jpg.png.tif': 'a.jpg.png.tif',
    }


def test_videos_of_a_folder_are_known(tmp_path):
    touch(tmp_path, 'a.jpg', 'b/c.MP4')
    assert find_videos(tmp_path) == ['b/c.MP4']
    assert find_videos(tmp_path / 'a.jpg') == []


def test_an_image_is_its_own_folder(tmp_path):
    touch(tmp_path, 'x/im.age.png')
    path = tmp_path / 'x/im.age.png'
    assert find_sources(path) == [Source(path, 'im.age')]


def test_nothing_to_predict_is_an_error(tmp_path):
    touch(tmp_path, 'notes.txt')
    with pytest.raises(ValueError, match='no image in the folder'):
        find_sources(tmp_path)
    with pytest.raises(FileNotFoundError, match='nowhere'):
        find_sources(tmp_path / 'nowhere')


def test_masks_cannot_share_a_name(tmp_path):
    touch(tmp_path, 'a.jpg', 'a.png')
    with pytest.raises(ValueError, match='a.jpg and a.png'):
        find_sources(tmp_path, same_stem=False)


def test_links_that_lead_nowhere_are_left_to_the_reader(tmp_path):
    touch(tmp_path, 'a.jpg')
    os.symlink(tmp_path / 'gone.png', tmp_path / 'b.png')
    assert [s.name for s in find_sources(tmp_path)] == ['a', 'b']


def test_videos_are_told_by_their_suffix(tmp_path):
    assert is_video(tmp_path / 'a.MP4')
    assert not is_video(tmp_path / 'a.png')
