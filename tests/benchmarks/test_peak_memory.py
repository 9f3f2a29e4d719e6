"""The memory that a benchmark prints, on allocations of known size."""

import pytest
import torch
from support import ROOT

MIB = 2**20


@pytest.fixture
def peak_in_child(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tools' / 'benchmarks')
    from peak_memory import peak_in_child

    return peak_in_child


@pytest.mark.parametrize('size', [64, 200])
def test_peak_is_what_is_held_at_once(peak_in_child, size):
    def side():
        # One after the other: the peak is one of them.
        for _ in range(3):
            torch.ones(size * MIB // 4)

    assert size - 2 <= peak_in_child(side, 'cpu') <= size + 12


def test_a_failing_call_is_an_error(peak_in_child, capfd):
    def side():
        raise KeyError('what went wrong')

    with pytest.raises(RuntimeError, match='failed'):
        peak_in_child(side, 'cpu')
    assert 'what went wrong' in capfd.readouterr().err
