"""The benchmarks run and print what they promise; no time is tested."""

import re

from support import CLASSMIX, call_tool


def rows(text):
    """Cells of the tables, by the first cell of a row."""
    found = re.findall(r'^\| ([^|]+) \| (.+) \|$', text, re.MULTILINE)
    return {name: cells.split(' | ') for name, cells in found}


def run(name, *arguments):
    done = call_tool(f'benchmarks/{name}', *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_pseudo_label():
    text = run(
        'pseudo_label.py',
        *('--images', 2, '--classes', 3, '--size', 160, 160),
        *('--rounds', 2, '--threads', 1),
    )
    table = rows(text)
    assert table['copy of the full-size logits'][2] == '1.000'
    for name in ('ours', 'published', 'plain, label and confidence'):
        median, _, ratio = map(float, table[name])
        assert median > 0 and ratio > 0
    assert re.search(r'^published / ours: \d+\.\d\d$', text, re.M)
    peaks = re.findall(r'^- ([\w -]+): (\d+) MiB$', text, re.M)
    assert dict(peaks).keys() == {
        'copy of the full-size logits',
        'ours',
        'published',
    }


def test_step():
    text = run(
        'step.py', CLASSMIX, '--size', 32, 40, '--rounds', 2, '--threads', 1
    )
    table = rows(text)
    assert '| floor | ' in text and '| peak memory | MiB | ratio |' in text
    parts = {'backward', 'teacher', 'student, labeled', 'MeanTeacherHook'}
    assert table.keys() > parts | {'ClassMix', 'published'}
    assert all(float(table[name][0]) > 0 for name in parts)
