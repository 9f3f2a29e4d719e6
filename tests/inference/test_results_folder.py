import pytest

from mmseg_classmix.inference.results_folder import (
    JOURNAL,
    ResultsFolder,
    mask_name,
)

SETTINGS = dict(network='teacher', size=(2, 3))


def finish(folder, name):
    folder.write(mask_name(name), b'x')
    folder.finish(name, share=0.5)


def test_a_stopped_run_continues(tmp_path):
    out = tmp_path / 'out'
    first = ResultsFolder(out, SETTINGS)
    finish(first, 'a/ü')
    first.write(mask_name('b'), b'x')
    again = ResultsFolder(out, SETTINGS)
    assert again.has('a/ü') and not again.has('b')
    assert again.finished == {'a/ü': dict(share=0.5)}
    (out / mask_name('a/ü')).unlink()
    assert not again.has('a/ü')


def test_a_line_that_a_kill_has_cut_short_counts_for_nothing(tmp_path):
    folder = ResultsFolder(tmp_path, SETTINGS)
    finish(folder, 'a')
    with open(tmp_path / JOURNAL, 'a') as file:
        file.write('{"name": "b", "sha')
    again = ResultsFolder(tmp_path, SETTINGS)
    finish(again, 'c')
    assert list(ResultsFolder(tmp_path, SETTINGS).finished) == ['a', 'c']


def test_results_of_other_settings_are_not_mixed(tmp_path):
    finish(ResultsFolder(tmp_path, SETTINGS), 'a')
    other = dict(SETTINGS, network='student')
    with pytest.raises(
        FileExistsError, match="network was 'teacher' and is 'student'"
    ):
        ResultsFolder(tmp_path, other)
    assert not ResultsFolder(tmp_path, other, overwrite=True).has('a')


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').touch()
    with pytest.raises(FileExistsError, match='has not written'):
        ResultsFolder(tmp_path, SETTINGS)
