"""Images go wrong in every way, and the rest is done."""

from pathlib import Path

import pytest
import torch

from mmseg_classmix.deploy import Source
from mmseg_classmix.deploy.batch_job import segment_all

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


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('early', [False, True])
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
