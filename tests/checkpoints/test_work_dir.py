"""A folder that cannot be written is named early."""

import os

import pytest

from mmseg_classmix.checkpoints import check_writable


def test_a_folder_is_made_and_left_empty(tmp_path):
    check_writable(str(tmp_path / 'a' / 'b'))
    assert os.listdir(tmp_path / 'a' / 'b') == []


def test_a_file_in_its_place_is_named_with_the_way_out(tmp_path):
    (tmp_path / 'file').write_text('')
    folder = str(tmp_path / 'file' / 'run')
    with pytest.raises(OSError) as error:
        check_writable(folder, 'some.key')
    for word in (f'some.key={folder!r}', '--work-dir', 'MB free'):
        assert word in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write into any folder')
def test_a_folder_of_others_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match='work_dir='):
        check_writable(str(tmp_path))
    tmp_path.chmod(0o700)
