"""Tables of classes: means over seeds of what the logs say last."""

import csv
import io
import statistics

import pytest
from run_logs import run_tool, tool_fixture, write_run
from support import CLASSMIX, ROOT, SUPERVISED, log_lines, train

TOOL = ROOT / 'tools' / 'analysis_tools' / 'compare_classes.py'
END = 40_000
STAMP = '2026/01/01 00:00:00 - mmengine - INFO - '


def write_tables(work_dir, *tables, start='20260101_000000'):
    """Append tables to a text log: (network or '', scores by class)."""
    rule = '+------+------+------+'
    lines = []
    for network, scores in tables:
        if network:
            lines.append(f'{STAMP}Results of the {network}:')
        lines += [f'{STAMP}per class results:', STAMP, rule]
        lines += ['|  Class  |  IoU | Acc |', rule]
        lines += [f'|   {k}  | {v} | 7.0 |' for k, v in scores.items()]
        lines += [rule, f'{STAMP}Iter(val) [3/3]  mIoU: 1.0']
    with open(work_dir / start / f'{start}.log', 'a') as file:
        file.write('\n'.join(lines) + '\n')


call = tool_fixture(TOOL)


def read(text):
    """Columns by heading, each {class: cell}."""
    rows = list(csv.DictReader(io.StringIO(text)))
    names = [name for name in rows[0] if name != 'class']
    return {n: {row['class']: row[n] for row in rows} for n in names}


def test_real_runs_have_the_mean_that_was_logged(tmp_path):
    for name, config in (('sup', SUPERVISED), ('semi', CLASSMIX)):
        options = {'randomness.seed': 0, 'train_cfg.val_interval': 2}
        train(tmp_path / name, config, **options)
    for network in ('student', 'teacher'):
        done = run_tool(
            TOOL, tmp_path, '--network', network, '--format', 'csv'
        )
        assert done.returncode == 0, done.stderr
        base, ours = read(done.stdout).values()
        pairs = ((base, 'sup', 'mIoU'), (ours, 'semi', f'{network}/mIoU'))
        for column, folder, key in pairs:
            lines = log_lines(tmp_path / folder)
            last = [line[key] for line in lines if key in line][-1]
            known = [float(score) for score in column.values() if score]
            assert len(known) > 1
            assert statistics.mean(known) == pytest.approx(last, abs=0.011)


def test_means_over_seeds_of_the_last_tables(call, tmp_path):
    for seed, (road, car) in enumerate([(90, 30), (80, 50)]):
        folder = tmp_path / 'sup' / f'seed_{seed}'
        mean = (road + car) / 2
        write_run(folder, 'tiny', {END: mean}, seed=seed)
        before = ('', {'road': 1.0, 'car': 2.0})
        write_tables(folder, before, ('', {'road': road, 'car': car}))
    folder = write_run(
        tmp_path / 'semi', 'tiny', {END: (60.0, 65.0)}, semi=True
    )
    write_tables(
        folder,
        ('student', {'road': 70.0, 'car': 50.0}),
        ('teacher', {'road': 80.0, 'car': 50.0}),
    )
    out, error = call(tmp_path, '--format', 'csv')
    assert error is None
    assert read(out) == {
        'tiny, supervised (2)': {'road': '85.00', 'car': '40.00'},
        'tiny, semi-supervised (1)': {'road': '70.00', 'car': '50.00'},
    }
    out, _ = call(tmp_path, '--format', 'csv', '--network', 'teacher')
    assert read(out) == {
        'tiny, supervised (2)': {'road': '85.00', 'car': '40.00'},
        'tiny, semi-supervised (1)': {'road': '80.00', 'car': '50.00'},
    }


def test_a_class_without_pixels_and_one_that_a_run_lacks(call, tmp_path):
    first = write_run(tmp_path / 'a', 'a', {END: 60.0}, data='DataA')
    write_tables(first, ('', {'road': 60.0, 'train': 'nan'}))
    other = write_run(tmp_path / 'b', 'b', {END: 40.0}, data='DataB')
    write_tables(other, ('', {'road': 50.0, 'cat': 30.0}))
    out, _ = call(tmp_path, '--format', 'csv')
    assert read(out) == {
        'a, supervised (1)': {'road': '60.00', 'train': '', 'cat': ''},
        'b, supervised (1)': {'road': '50.00', 'train': '', 'cat': '30.00'},
    }


def test_a_resumed_run_is_read_to_its_last_start(call, tmp_path):
    write_run(tmp_path, 'tiny', {100: 10.0})
    write_tables(tmp_path, ('', {'road': 10.0}))
    later = '20260102_000000'
    write_run(tmp_path, 'tiny', {END: 20.0}, start=later)
    write_tables(tmp_path, ('', {'road': 20.0}), start=later)
    out, _ = call(tmp_path, '--format', 'csv')
    assert read(out) == {'tiny, supervised (1)': {'road': '20.00'}}


def test_runs_that_cannot_be_read_are_named(call, tmp_path):
    out, error = call(tmp_path)
    assert f'no runs in {tmp_path}' in error
    folder = write_run(tmp_path / 'run', 'tiny', {END: 50.0})
    _, error = call(tmp_path)
    assert f'{folder}: no IoU of every class of the student' in error
    write_tables(folder, ('', {'road': 40.0}))
    _, error = call(tmp_path)
    assert f'{folder}: the last table of the student' in error
    assert 'mIoU 50.0' in error
    _, error = call(tmp_path, '--metric', 'Dice')
    assert 'no Dice' in error
    assert 'has Class, IoU, Acc' in error
    write_tables(folder, ('', {'road': 50.0}))
    out, error = call(tmp_path)
    assert error is None
    assert 'road' in out


def test_a_network_that_was_not_validated_is_named(call, tmp_path):
    folder = write_run(tmp_path, 'tiny', {END: (60.0, 65.0)}, semi=True)
    write_tables(folder, ('student', {'road': 60.0}))
    _, error = call(tmp_path, '--network', 'teacher')
    assert 'no IoU of every class of the teacher' in error


def test_nothing_finished(call, tmp_path):
    write_run(tmp_path, 'tiny', {100: 50.0})
    assert call(tmp_path)[1] == 'error: no finished runs'
