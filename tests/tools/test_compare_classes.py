"""Tables of classes: means over seeds of the last validations."""

import csv
import io
import re

import pytest
from run_logs import write_run
from support import call_tool

TOOL = 'analysis_tools/compare_classes.py'
END = 40_000


def read(*arguments):
    """Columns by heading, each {class: cell}."""
    done = call_tool(TOOL, *arguments, '--format', 'csv')
    assert done.returncode == 0, done.stdout
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    names = [name for name in rows[0] if name != 'class']
    return {n: {row['class']: row[n] for row in rows} for n in names}


def test_means_over_seeds(tmp_path):
    for seed, (road, car) in enumerate([(90, 30), (80, 50)]):
        classes = dict(student=dict(road=road, car=car))
        folder = tmp_path / 'sup' / f'seed_{seed}'
        write_run(folder, 'tiny', {END: 60.0}, seed=seed, classes=classes)
    classes = dict(student=dict(road=70.0, car=50.0))
    classes['teacher'] = dict(road=80.0, car=50.0)
    scores = {END: (60.0, 65.0)}
    write_run(tmp_path / 'semi', 'tiny', scores, semi=True, classes=classes)
    supervised = {'road': '85.00', 'car': '40.00'}
    assert read(tmp_path) == {
        'tiny, supervised (2)': supervised,
        'tiny, semi-supervised (1)': {'road': '70.00', 'car': '50.00'},
    }
    # The only network of a supervised run is shown for both.
    assert read(tmp_path, '--network', 'teacher') == {
        'tiny, supervised (2)': supervised,
        'tiny, semi-supervised (1)': {'road': '80.00', 'car': '50.00'},
    }


def test_a_class_without_pixels_and_one_that_a_run_lacks(tmp_path):
    for name, classes in (
        ('A', dict(road=60.0, train=None)),
        ('B', dict(road=50.0, cat=30.0)),
    ):
        write_run(
            tmp_path / name,
            name,
            {END: 60.0},
            data=f'Data{name}',
            classes=dict(student=classes),
        )
    assert read(tmp_path) == {
        'A, supervised (1)': {'road': '60.00', 'train': '', 'cat': ''},
        'B, supervised (1)': {'road': '50.00', 'train': '', 'cat': '30.00'},
    }


@pytest.mark.parametrize(
    ('scores', 'options', 'message'),
    [
        ({100: (50.0, 50.0)}, (), 'error: no finished runs'),
        (
            {END: (60.0, 65.0)},
            ('--network', 'teacher'),
            'has no IoU of every class of the teacher',
        ),
        (
            {END: (60.0, 65.0)},
            ('--metric', 'Dice'),
            'has no Dice of .*, but student IoU',
        ),
    ],
)
def test_scores_that_are_not_there_are_named(
    tmp_path, scores, options, message
):
    classes = dict(student=dict(road=60.0))
    write_run(tmp_path, 'tiny', scores, semi=True, classes=classes)
    done = call_tool(TOOL, tmp_path, *options)
    assert done.returncode == 1
    assert re.search(message, done.stdout)
