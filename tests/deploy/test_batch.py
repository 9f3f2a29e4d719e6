"""Images go wrong in every way, and the rest is done."""

import threading
from pathlib import Path

import pytest
import torch

from mmseg_classmix.deploy import Source
from mmseg_classmix.deploy.batch import ahead, segment_all

ERRORS = {
    'odd': AssertionError('H and W should be divisible by 16'),
    'mute': AssertionError(),
    'small': RuntimeError('Kernel size\nmore'),
    'strange': KeyError('img'),
    'gpu': torch.cuda.OutOfMemoryError('CUDA out of memory'),
    'cpu': RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
}
EXPECTED = {
    'odd': 'AssertionError: H and W should be divisible by 16',
    'mute': 'AssertionError: no reason given',
    'small': 'RuntimeError: Kernel size',
    'strange': "KeyError: 'img'",
    'gpu': 'too large for the memory: --slide',
    'cpu': 'too large for the memory: --slide',
}


class Network:
    """Fails as networks and pipelines do."""

    def __init__(self, early):
        self.early = early

    def load(self, path):
        if self.early:
            self(path.name)
        return path.name

    def __call__(self, name):
        if name in ERRORS:
            raise ERRORS[name]
        return name


@pytest.mark.parametrize(('early', 'workers'), [(False, 2), (True, 0)])
def test_a_bad_image_does_not_end_the_work(early, workers):
    names = ['a', *ERRORS, 'z']
    sources = [Source(Path(name), name) for name in names]
    saved = []
    problems = segment_all(
        Network(early), sources, lambda s, value: saved.append(value), workers
    )
    assert sorted(saved) == ['a', 'z']
    assert list(problems) == list(ERRORS)
    for name, text in EXPECTED.items():
        # Images are not what needs memory while they are loaded.
        if not early or name not in ('gpu', 'cpu'):
            assert problems[name].startswith(text)


@pytest.mark.parametrize('workers', [0, 3])
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


def test_calls_run_at_once_and_errors_come_where_the_result_would():
    # Each call waits for the other one.
    barrier = threading.Barrier(2, timeout=20)
    assert len(list(ahead(lambda _: barrier.wait(), range(4), 2))) == 4
    results = ahead(lambda x: 1 // (2 - x), range(4), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
