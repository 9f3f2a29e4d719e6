import torch
from support import ROOT


def test_sides_take_turns_and_the_first_round_does_not_count(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tools' / 'benchmarks')
    from interleaved import measure, report

    ran = []
    before = torch.get_num_threads()
    sides = {
        'a': lambda: ran.append(('a', torch.get_num_threads())),
        'b': lambda: ran.append(('b', torch.get_num_threads())),
    }
    results = measure(sides, rounds=3, threads=1)
    assert ran == [('a', 1), ('b', 1)] * 4
    assert torch.get_num_threads() == before
    assert [len(results[name].times) for name in 'ab'] == [3, 3]
    head, line, first, second = report(results, 'b')
    assert first.startswith('| a |')
    assert second.endswith('| 1.000 |')
