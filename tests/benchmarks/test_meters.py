"""Turns, tables and memory of the benchmarks."""

import pytest
import torch
from support import ROOT

MIB = 2**20


@pytest.fixture
def meters(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tools' / 'benchmarks')
    import meters

    return meters


def test_sides_take_turns_and_the_first_round_does_not_count(meters):
    ran = []
    before = torch.get_num_threads()
    sides = {
        'a': lambda: ran.append(('a', torch.get_num_threads())),
        'b': lambda: ran.append(('b', torch.get_num_threads())),
    }
    results = meters.measure(sides, rounds=3, threads=1)
    assert ran == [('a', 1), ('b', 1)] * 4
    assert torch.get_num_threads() == before
    assert [len(results[name].times) for name in 'ab'] == [3, 3]
    head, line, first, second = meters.report(results, 'b')
    assert first.startswith('| a |')
    assert second.endswith('| 1.000 |')


def test_peak_is_what_is_held_at_once(meters):
    def side():
        # One after the other: the peak is one of them.
        for _ in range(3):
            torch.ones(100 * MIB // 4)

    assert 98 <= meters.peak_in_child(side, 'cpu') <= 112


def test_a_failing_call_is_an_error(meters, capfd):
    def side():
        raise KeyError('what went wrong')

    with pytest.raises(RuntimeError, match='failed'):
        meters.peak_in_child(side, 'cpu')
    assert 'what went wrong' in capfd.readouterr().err
