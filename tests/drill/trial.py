"""What every trial does after its fault: look, resume, compare."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from random import Random
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from mmengine.config import Config
from torch import Tensor

from drill.runs import (
    FINAL,
    INTERVAL,
    MAX_ITERS,
    OneProcess,
    Run,
    TrialError,
    TwoProcesses,
    number,
)
from mmseg_classmix.demo.street_scenes import write_street_scenes

LABELED, UNLABELED, VAL = 4, 12, 2
SIZE = (64, 128)
TEMPLATE = Path(__file__).with_name('config.py')
# What a checkpoint has beside times, paths and texts.
PARTS = ('state_dict', 'optimizer', 'param_schedulers')
CLOCKS = ('time', 'data_time', 'memory', 'eta')


class Workspace:
    """A folder with a drawn data set and one reference per process count."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.data = self.root / 'data'
        self.config = self.root / 'config.py'
        self.runs: list[Run] = []
        self._references: dict[int, Run] = {}
        self._locks = {1: threading.Lock(), 2: threading.Lock()}

    def prepare(self) -> None:
        """Draw the images, and write the lists and the config."""
        count = LABELED + UNLABELED
        splits = {'train': count, 'val': VAL}
        write_street_scenes(self.data, splits, SIZE)
        names = [f'train_{i:04d}\n' for i in range(count)]
        lists = dict(labeled=names[:LABELED], unlabeled=names[LABELED:])
        for name, listed in lists.items():
            (self.data / f'{name}.txt').write_text(''.join(listed))
        os.environ['DRILL_DATA'] = str(self.data)
        Config.fromfile(TEMPLATE).dump(self.config)

    def run(self, kind: type[Run], *place: str, **options) -> Run:
        """Make a run in a folder of its own; see :class:`Run`."""
        run = kind(self.root.joinpath(*place), self.config, **options)
        run.clear()
        self.runs.append(run)
        return run

    def reference(self, processes: int) -> Run:
        """Return the undisturbed run, which the first who asks computes."""
        kind = {1: OneProcess, 2: TwoProcesses}[processes]
        with self._locks[processes]:
            if processes not in self._references:
                run = self.run(kind, 'reference', str(processes))
                run.start()
                run.end_well()
                self._references[processes] = run
        return self._references[processes]

    def close(self) -> None:
        """End every process that still runs."""
        for run in self.runs:
            run.group.kill()


@dataclass
class Trial:
    """One fault, once."""

    fault: str
    index: int
    workspace: Workspace
    seed: int

    def __post_init__(self) -> None:
        self.name = f'{self.fault}-{self.index + 1}'
        self.rng = Random(f'{self.seed} {self.name}')

    def run(self, kind: type[Run], **options) -> Run:
        """Make a run in the folder of this trial."""
        return self.workspace.run(kind, self.name, **options)


@dataclass
class Outcome:
    """How a trial ended."""

    what: str
    lost: int
    different: list[str]


def whole_checkpoints(run: Run) -> list[int]:
    """Read what a fault has left."""
    for path in run.files.glob('*.pth'):
        read(path)
    steps = [number(path) for path in run.checkpoints()]
    if not steps and run.step() > INTERVAL:
        raise TrialError(f'no checkpoint at iteration {run.step()}')
    return steps


def finish(trial: Trial, run: Run, what: str) -> Outcome:
    """Resume a disturbed run until its end and compare it."""
    reached, saved = run.step(), whole_checkpoints(run)
    known = set(run.curves())
    run.start(resume=True)
    run.end_well()
    steps = [
        line['step']
        for name, curve in run.curves().items()
        for line in curve
        if name not in known and 'loss' in line
    ]
    start = min(steps, default=MAX_ITERS + 1) - 1
    what = f'{what} at iteration {reached}, resumed from {start}'
    if start != max(saved, default=0):
        raise TrialError(f'{what}, but checkpoints are {saved}')
    if not 0 <= reached - start <= INTERVAL:
        raise TrialError(f'{what}: saved every {INTERVAL}')
    return compare(trial, run, what, reached - start)


def compare(trial: Trial, run: Run, what: str, lost: int) -> Outcome:
    """Compare a run that has reached its end with the reference."""
    reference = trial.workspace.reference(run.processes)
    return Outcome(what, lost, differences(run, reference))


def read(path: Path) -> dict:
    """Read a checkpoint as untrusted data."""
    try:
        # torch.load does not look at the checksums.
        with ZipFile(path) as file:
            damaged = file.testzip()
        if damaged:
            raise TrialError(f'{path.name} is damaged: checksum of {damaged}')
        return torch.load(path, map_location='cpu', weights_only=True)
    except (
        BadZipFile,
        EOFError,
        OSError,
        RuntimeError,
        UnpicklingError,
    ) as error:
        text = str(error).splitlines()[0]
        raise TrialError(f'{path.name} is damaged: {text}') from error


def differences(run: Run, reference: Run) -> list[str]:
    """Name what differs between a disturbed run and an undisturbed one."""
    ours, theirs = (
        dict(_leaves(_result(read(r.files / FINAL)))) for r in (run, reference)
    )
    keys = [*theirs, *(key for key in ours if key not in theirs)]
    return [
        *(key for key in keys if ours.get(key) != theirs.get(key)),
        *_curve_differences(run, reference),
    ]


def _result(checkpoint: dict) -> dict:
    hub = checkpoint['message_hub']
    result = {part: checkpoint[part] for part in PARTS}
    result['iter'] = checkpoint['meta']['iter']
    # The average of the teacher follows from this and the iteration.
    result['ema_warmup'] = hub['runtime_info']['ema_warmup']
    result['history'] = {
        name: values
        for name, values in hub['log_scalars'].items()
        if name.startswith('train/') and name.rpartition('/')[2] not in CLOCKS
    }
    return result


def _leaves(value: Any, name: str = '') -> Iterator[tuple[str, Any]]:
    """Every value in nested dicts and lists, as something comparable."""
    if isinstance(value, (list, tuple)):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f'{name}.{key}' if name else str(key))
    elif isinstance(value, Tensor):
        # Not torch.equal: NaN is no number, and 0.0 is -0.0.
        bits = value.contiguous().reshape(-1).view(torch.uint8)
        yield name, (value.dtype, value.shape, bits.numpy().tobytes())
    else:
        yield name, repr(value)


def _curve_differences(run: Run, reference: Run) -> list[str]:
    """Logged iterations that are missing or differ, repeated ones too."""
    expected = dict(_logged(reference))
    lines = _logged(run)
    bad = {key for key, values in lines if values != expected.get(key)}
    bad |= expected.keys() - {key for key, _ in lines}
    return [f'logged {kind} {step}' for kind, step in sorted(bad)]


def _logged(run: Run) -> list[tuple[tuple[str, int], dict]]:
    """Values by ('iteration' or 'validation', iteration)."""
    kinds = 'validation', 'iteration'
    return [
        ((kinds['loss' in line], line['step']), _values(line))
        for curve in run.curves().values()
        for line in curve
    ]


def _values(line: dict) -> dict:
    return {key: repr(v) for key, v in line.items() if key not in CLOCKS}
