"""Configs may import this: faults at a certain moment, and counting."""

import os
import subprocess
import time
from pathlib import Path

import torch
from mmcv.transforms import BaseTransform
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmseg.registry import TRANSFORMS

# What a clock says, or where a run is; all else must be the same.
CHANGING = ('time', 'data_time', 'memory', 'experiment_name', 'cfg')
PATHS = ('last_ckpt', 'best_ckpt', 'keep_ckpt_ids')


@HOOKS.register_module()
class SignalHook(Hook):
    """Send this process, and its workers, a signal at a certain moment.

    Args:
        number: Name of the signal.
        stage: Name of the method of a hook.
        at: ``runner.iter`` at that moment.
        rank: The rank to send it to; all of them by default.
    """

    priority = 'HIGHEST'

    def __init__(self, number, stage, at=0, rank=None):
        def send(runner, **_):
            if runner.iter == at and rank in (None, runner.rank):
                signal_all(number)

        # Not through the class: mmengine looks which stages are overridden.
        for name in self.stages:
            setattr(self, name, send if name == stage else _nothing)

    def get_triggered_stages(self):
        return []


def _nothing(runner, **_):
    pass


def signal_all(name):
    """Signal this process and its children (workers), as Slurm may do."""
    pids = [
        pid
        for file in Path('/proc/self/task').glob('*/children')
        for pid in file.read_text().split()
    ]
    # Workers of torch obey their parent in another way than others.
    command = ['kill', '-s', name.removeprefix('SIG'), *pids, str(os.getpid())]
    subprocess.run(['sh', '-c', ' '.join(command)], check=True)
    time.sleep(0.1)


@TRANSFORMS.register_module()
class CountLoads(BaseTransform):
    """Add a byte to a file for every sample, whatever process loads it."""

    def __init__(self, file):
        self.file = file

    def transform(self, results):
        with open(self.file, 'ab') as file:
            file.write(b'.')
        return results


def assert_same(first, second, place=''):
    """Compare two checkpoints, bit by bit, but for what must differ."""
    assert type(first) is type(second), place
    if isinstance(first, dict):
        assert _keys(first) == _keys(second), place
        for key in _keys(first):
            assert_same(first[key], second[key], f'{place}/{key}')
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), place
        for i, pair in enumerate(zip(first, second, strict=True)):
            assert_same(*pair, f'{place}/{i}')
    elif isinstance(first, torch.Tensor):
        assert first.dtype == second.dtype, place
        assert torch.equal(first, second), place
    else:
        assert first == second, place


def _keys(content):
    return {
        key
        for key in content
        if not isinstance(key, str)
        or (key.split('/')[-1] not in CHANGING and not key.startswith(PATHS))
    }
