"""Images and videos that are found, and the folder of their results."""

import os

import pytest

from mmseg_classmix.deploy import Source, find_sources, is_video
from mmseg_classmix.deploy.files import (
    JOURNAL,
    ResultsFolder,
    find_videos,
    mask_name,
)

SETTINGS = dict(network='teacher', size=(2, 3))


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_keep_their_structure_and_names_stay_apart(tmp_path):
    touch(tmp_path, 'a.jpg', 'a.png', 'b/c.d.JPG', 'b/é 1.png', 'b/notes.txt')
    touch(tmp_path, '.hidden/x.png', 'c/a.png', 'b/c.MP4')
    # A whole name may be that of another image without its suffix.
    touch(tmp_path, 'd/a.jpg', 'd/a.png', 'd/a.jpg.png', 'd/a.jpg.png.tif')
    # Left to the reader, which says that it leads nowhere.
    os.symlink(tmp_path / 'gone.png', tmp_path / 'link.png')
    names = {
        s.path.relative_to(tmp_path).as_posix(): s.name
        for s in find_sources(tmp_path)
    }
    assert names == {
        'a.jpg': 'a.jpg',
        'a.png': 'a.png',
        'b/c.d.JPG': 'b/c.d',
        'b/é 1.png': 'b/é 1',
        'c/a.png': 'c/a',
        'd/a.jpg': 'd/a.jpg',
        'd/a.jpg.png': 'd/a.jpg.png',
        'd/a.jpg.png.tif': 'd/a.jpg.png.tif',
        'd/a.png': 'd/a.png',
        'link.png': 'link',
    }
    assert find_videos(tmp_path) == ['b/c.MP4']
    assert is_video(tmp_path / 'b/c.MP4') and not is_video(tmp_path / 'a.png')
    path = tmp_path / 'b/c.d.JPG'
    assert find_sources(path) == [Source(path, 'c.d')]
    assert find_videos(path) == []


def test_nothing_to_predict_and_masks_of_one_name_are_errors(tmp_path):
    touch(tmp_path, 'notes.txt')
    with pytest.raises(ValueError, match='no image in the folder'):
        find_sources(tmp_path)
    with pytest.raises(FileNotFoundError, match='nowhere'):
        find_sources(tmp_path / 'nowhere')
    touch(tmp_path, 'a.jpg', 'a.png')
    with pytest.raises(ValueError, match='a.jpg and a.png'):
        find_sources(tmp_path, same_stem=False)


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out'


def image(out, name, content='image'):
    """An image beside the folder of results."""
    path = out.parent / 'in' / f'{name}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return Source.at(path, name)


def finish(folder, name):
    source = image(folder.path, name)
    folder.write(mask_name(name), b'x')
    folder.finish(source, [mask_name(name)], share=0.5)
    return source


def test_a_stopped_run_continues(out):
    first = ResultsFolder(out, SETTINGS)
    a, b = finish(first, 'a/ü'), image(out, 'b')
    first.write(mask_name('b'), b'x')
    # What a kill has cut short counts for nothing.
    with open(out / JOURNAL, 'a') as file:
        file.write('{"name": "b", "sha')
    again = ResultsFolder(out, SETTINGS)
    assert again.has(a) and not again.has(b)
    assert again.finished['a/ü']['share'] == 0.5
    finish(again, 'c')
    assert list(ResultsFolder(out, SETTINGS).finished) == ['a/ü', 'c']
    (out / mask_name('a/ü')).unlink()
    assert not again.has(a)


def test_an_image_that_has_changed_is_not_finished(out):
    folder = ResultsFolder(out, SETTINGS)
    source = finish(folder, 'a')
    before = source.path.stat()
    assert folder.has(Source.at(source.path, 'a'))
    # Of the same length, and a moment later.
    source.path.write_text('other')
    os.utime(source.path, ns=(0, before.st_mtime_ns + 1))
    assert not folder.has(Source.at(source.path, 'a'))
    # Longer, at the same time.
    source.path.write_text('longer than before')
    os.utime(source.path, ns=(0, before.st_mtime_ns))
    assert not folder.has(Source.at(source.path, 'a'))
    source.path.unlink()
    assert not folder.has(Source.at(source.path, 'a'))


def test_other_settings_start_again_or_not_at_all(out):
    source = finish(ResultsFolder(out, SETTINGS), 'a')
    (out / 'masks/mine.png').touch()
    with open(out / JOURNAL, 'a') as file:
        file.write('{"name": "b", "sha')
    other = dict(SETTINGS, network='student')
    with pytest.raises(
        FileExistsError, match="network was 'teacher' and is 'student'"
    ):
        ResultsFolder(out, other)
    assert not ResultsFolder(out, other, overwrite=True).has(source)
    # What the journal names is removed.
    assert [path.name for path in out.glob('masks/*')] == ['mine.png']


def test_what_cannot_be_written_has_advice_for_these_tools(out):
    folder = ResultsFolder(out, SETTINGS)
    (out / 'masks').touch()
    with pytest.raises(OSError, match='choose another --out') as error:
        folder.write(mask_name('a'), b'x')
    assert 'work-dir' not in str(error.value)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').touch()
    with pytest.raises(FileExistsError, match='has not written'):
        ResultsFolder(tmp_path, SETTINGS)
