"""The benchmark of settings on tiny networks; no time is tested."""

import re
import sys

import pytest
from support import CLASSMIX, ROOT, call_tool, run_process

TOOL = ROOT / 'tools' / 'benchmarks' / 'settings.py'


def rows(text):
    """Cells of the table of results, by name of the setting."""
    cells = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in text.splitlines()
        if line.count('|') == 9
    ]
    return {name: rest for name, *rest in cells[2:]}


def run(*arguments):
    done = run_process(sys.executable, TOOL, CLASSMIX, *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_settings_are_compared_with_plain():
    text = run(
        *('--iters', 3, '--rounds', 2),
        *('--settings', 'channels_last+foreach', 'seed', 'amp'),
    )
    assert re.search(r'3 iterations of 4 images, 2 rounds', text)
    table = rows(text)
    assert list(table) == ['plain', 'channels_last+foreach', 'seed']
    for rate, milliseconds, first, memory, *_ in table.values():
        # Numbers are rounded.
        assert float(rate) * float(milliseconds) == pytest.approx(4e3, rel=0.1)
        assert float(first) >= 0 and float(memory) > 50
    # Two runs of the same seed.
    assert table['plain'][4:6] == ['0.00e+00', '0.00%']
    *_, early, curve, verdict = table['channels_last+foreach']
    assert 0 <= float(early) < 1e-3 and verdict == 'within 0.1% and 8%'
    *_, early, curve, verdict = table['seed']
    assert float(early) > 1e-3 and curve != '0.00%' and verdict == ''
    assert 'no GPU: amp' in text
    assert (
        '| channels_last+foreach | `--cfg-options '
        'default_hooks.execution.channels_last=True '
        'optim_wrapper.optimizer.foreach=True` |'
    ) in text


@pytest.mark.slow
def test_random_images_and_a_setting_that_fails():
    done = run_process(
        *(sys.executable, TOOL, CLASSMIX, '--iters', 2),
        *('--size', 32, 40, '--batch-size', 6, '--settings', 'fused'),
        *('--cfg-options', 'optim_wrapper.optimizer.foreach=True'),
    )
    # torch refuses the two together.
    assert done.returncode == 1
    assert '2 iterations of 6 images' in done.stdout
    table = rows(done.stdout)
    assert table['plain'][4] == '0.00e+00'
    assert table['fused'] == [*[''] * 6, 'failed']
    assert 'cannot be `True` together' in done.stdout


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--settings', 'plain+fast'], "'plain' is unknown"),
        (['--settings', 'compile+checkpointing'], 'exclude each other'),
        (['--iters', '1'], '--iters 1 is below 2'),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    done = call_tool('benchmarks/settings.py', CLASSMIX, *arguments)
    assert done.returncode == 2
    assert message in done.stdout


def test_differences_are_relative_to_plain(monkeypatch):
    monkeypatch.syspath_prepend(TOOL.parent)
    from settings import curve_difference, early_difference, verdict

    plain = [2.0] * 10 + [1.0] * 30
    other = list(plain)
    other[3] = 2.5
    assert early_difference(other, plain) == pytest.approx(0.25)
    # The lowest of the means of 20 that have it is of 7 twos and 13 ones.
    assert curve_difference(other, plain) == pytest.approx(0.5 / 27)
    late = list(plain)
    late[30] = 3.0
    assert early_difference(late, plain) == 0
    assert curve_difference(late, plain) == pytest.approx(2 / 20)
    # Tolerances: 1 in 1000 for rounding in float32, 5 in 100 for 8 bits.
    assert verdict('fused', 2e-3, 0.0).startswith('NOT')
    assert verdict('amp+fused', 2e-3, 0.0).startswith('within')
    assert verdict('amp+fused', 0.0, 0.2).startswith('NOT')
    assert verdict('plain', 1e-9, 0.0).startswith('NOT')
