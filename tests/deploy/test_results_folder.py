import os

import pytest

from mmseg_classmix.deploy.results_folder import (
    JOURNAL,
    ResultsFolder,
    mask_name,
)
from mmseg_classmix.deploy.sources import Source

SETTINGS = dict(network='teacher', size=(2, 3))


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
    again = ResultsFolder(out, SETTINGS)
    assert again.has(a) and not again.has(b)
    assert again.finished['a/ü']['share'] == 0.5
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


def test_a_line_that_a_kill_has_cut_short_counts_for_nothing(out):
    finish(ResultsFolder(out, SETTINGS), 'a')
    with open(out / JOURNAL, 'a') as file:
        file.write('{"name": "b", "sha')
    finish(ResultsFolder(out, SETTINGS), 'c')
    assert list(ResultsFolder(out, SETTINGS).finished) == ['a', 'c']


def test_results_of_other_settings_are_not_mixed(out):
    source = finish(ResultsFolder(out, SETTINGS), 'a')
    other = dict(SETTINGS, network='student')
    with pytest.raises(
        FileExistsError, match="network was 'teacher' and is 'student'"
    ):
        ResultsFolder(out, other)
    assert not ResultsFolder(out, other, overwrite=True).has(source)


def test_starting_again_removes_what_the_journal_names(out):
    finish(ResultsFolder(out, SETTINGS), 'a')
    (out / 'masks/mine.png').touch()
    with open(out / JOURNAL, 'a') as file:
        file.write('{"name": "b", "sha')
    ResultsFolder(out, SETTINGS, overwrite=True)
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
