import re

import pytest
from run_logs import write_run

from mmseg_classmix.runs.run import read_run

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


def test_a_start_that_has_left_no_config_yet(tmp_path):
    write_run(tmp_path, 'base', {END: 50})
    (tmp_path / 'base.py').unlink()
    with pytest.raises(ValueError, match='just begun.*try again') as error:
        read_run(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_configs_of_other_runs_are_no_reason_to_remove_anything(tmp_path):
    write_run(tmp_path, 'base', {END: 50})
    for name in ('base.py', 'other.py'):
        (tmp_path / name).write_text('a = 1')
    with pytest.raises(ValueError, match='cannot tell which config'):
        read_run(tmp_path)


def break_config(work_dir, text):
    """Replace the dumped config of a written run."""
    write_run(work_dir, 'base', {END: 50})
    (path,) = work_dir.glob('*/vis_data/config.py')
    path.write_text(text)
    return path


def test_config_in_a_work_directory_is_not_run(tmp_path):
    target = tmp_path / 'executed'
    good = break_config(tmp_path, '').parents[2] / 'base.py'
    text = good.read_text()
    break_config(tmp_path / 'x', f'{text}\nopen({str(target)!r}, "w")\n')
    with pytest.raises(ValueError, match='config.py, line .*not executed'):
        read_run(tmp_path / 'x')
    assert not target.exists()


@pytest.mark.parametrize(
    'text',
    [
        '',
        'model = 5',
        'model = dict()\ntrain_dataloader = "dataset"',
        'model = {}\ntrain_dataloader = dict(dataset=dict(datasets=[]))',
        'model = {}\ntrain_dataloader = dict(batch_size=1, dataset=dict('
        'type="A"), sampler=dict(source_ratio=[0]))\ntrain_cfg = {}',
    ],
)
def test_config_of_something_else_is_named(tmp_path, text):
    path = break_config(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        read_run(tmp_path)


@pytest.mark.parametrize(
    'line',
    [
        b'{"step": Infinity}',
        b'{"step": NaN}',
        b'{"step": 1e999}',
        b'{"step": "a"}',
        b'{"step": [1]}',
        b'[1, 2]',
        b'"step"',
        b'null',
        b'{}',
        b'[' * 100_000,
        b'{"step": ' + b'9' * 10_000 + b'}',
        b'\xff\xfe\x00',
        b"{'step': __import__('os')}",
    ],
    ids=lambda line: line[:12].decode(errors='replace'),
)
def test_strange_line_of_a_log_is_named(tmp_path, line):
    write_run(tmp_path, 'base', {100: 10})
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    log.write_bytes(line + b'\n' + log.read_bytes())
    with pytest.raises(ValueError, match='scalars.json, line 1: '):
        read_run(tmp_path)


def test_score_that_is_no_number_is_no_score(tmp_path):
    write_run(tmp_path, 'base', {100: 10, END: 'a lot'})
    run = read_run(tmp_path)
    assert run.score('student', 'mIoU', best=True) == 10


def test_configs_are_compared_whatever_bytes_they_hold(tmp_path):
    write_run(tmp_path, 'base', {END: 50})
    (tmp_path / 'other.py').write_bytes(b'\xff\xfe')
    assert read_run(tmp_path).name == 'base'
