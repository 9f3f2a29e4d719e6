import pytest
from run_logs import add_start, write_log, write_run

from mmseg_classmix.runs.run import find_runs, read_log

STEPS = [dict(loss=1.0, step=step) for step in (100, 200, 300)]


def test_what_is_trained_again_counts(tmp_path):
    write_run(tmp_path, 'base', {})
    write_log(tmp_path, '20260101_000000', STEPS)
    again = [dict(loss=2.0, step=step) for step in (300, 400)]
    add_start(tmp_path, 200, '20260102_000000', again)
    # It was stopped before it could log.
    add_start(tmp_path, 400, '20260103_000000', [])
    # A test in the same folder is no start.
    write_log(tmp_path, '20260104_000000', [dict(mIoU=1.0, step=0)])
    losses = [(line['step'], line['loss']) for line in read_log(tmp_path)]
    assert losses == [(100, 1), (200, 1), (300, 2), (400, 2)]
    add_start(tmp_path, 0, '20260105_000000', STEPS[:1])
    assert read_log(tmp_path) == STEPS[:1]


def test_half_a_line_at_the_end_is_that_of_an_interrupted_run(tmp_path):
    write_run(tmp_path, 'base', {100: 10})
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    with open(log, 'a') as file:
        file.write('{"loss": 0.')
    assert [line['step'] for line in read_log(tmp_path)] == [100]


@pytest.mark.parametrize(
    'line',
    [
        b'<<<<',
        b'{"step": Infinity}',
        b'{"step": [1]}',
        b'[1, 2]',
        b'{}',
        b'[' * 100_000,
        b'{"step": ' + b'9' * 10_000 + b'}',
    ],
    ids=lambda line: line[:12].decode(),
)
def test_strange_line_of_a_log_is_named(tmp_path, line):
    write_run(tmp_path, 'base', {100: 10})
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    log.write_bytes(line + b'\n' + log.read_bytes())
    with pytest.raises(ValueError, match='scalars.json, line 1: '):
        read_log(tmp_path)


def test_folders_without_a_record_are_named(tmp_path):
    write_log(tmp_path / 'old', '20260101_000000', STEPS)
    with pytest.raises(FileNotFoundError, match='old has no run.json: .*tool'):
        find_runs([tmp_path])
    write_run(tmp_path / 'new', 'base', {100: 10})
    (run,), others = find_runs([tmp_path, tmp_path / 'new'])
    assert run.work_dir == tmp_path / 'new'
    assert others == [tmp_path / 'old']
