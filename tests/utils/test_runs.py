import pytest
from run_logs import write_run

from mmseg_classmix.utils.runs import read_run

END = 40_000


def test_restart_replaces_what_it_trains_again(tmp_path):
    write_run(tmp_path, 'base', {100: 10, 200: 20, END: 90})
    write_run(tmp_path, 'base', {100: 11, 200: 21}, start='20260102_000000')
    run = read_run(tmp_path)
    assert not run.finished
    assert {k: v['mIoU'] for k, v in run.validations.items()} == {
        100: 11,
        200: 21,
    }


def test_half_a_line_at_the_end_is_that_of_an_interrupted_run(tmp_path):
    write_run(tmp_path, 'base', {100: 10})
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    with open(log, 'a') as file:
        file.write('{"loss": 0.')
    assert read_run(tmp_path).reached == 100


def test_two_configs_in_one_folder_are_refused(tmp_path):
    write_run(tmp_path, 'base', {END: 50})
    (tmp_path / 'other.py').write_text((tmp_path / 'base.py').read_text())
    with pytest.raises(ValueError, match='cannot tell which config'):
        read_run(tmp_path)
