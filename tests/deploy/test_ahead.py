import threading

import pytest

from mmseg_classmix.deploy.ahead import ahead


@pytest.mark.parametrize('workers', [0, 1, 3])
def test_order_is_kept_and_little_is_taken_in_advance(workers):
    taken = []

    def items():
        for i in range(50):
            taken.append(i)
            yield i

    for i, square in enumerate(ahead(lambda x: x * x, items(), workers)):
        assert square == i * i
        assert len(taken) <= i + 1 + 2 * workers + 1
    assert i == 49


def test_calls_run_at_once():
    # Each call waits for the other one.
    barrier = threading.Barrier(2, timeout=20)
    assert len(list(ahead(lambda _: barrier.wait(), range(4), 2))) == 4


def test_errors_are_raised_where_the_result_would_come():
    results = ahead(lambda x: 1 // (2 - x), range(4), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
