"""Whether two runs ended alike, bit by bit."""

from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor

from drill.processes import TrialError
from drill.runs import FINAL, Run

# What a checkpoint has beside times, paths and texts.
PARTS = ('state_dict', 'optimizer', 'param_schedulers')
CLOCKS = ('time', 'data_time', 'memory', 'eta')


def read(path: Path) -> dict:
    """Read a checkpoint as untrusted data.

    Raises:
        TrialError: If it is not whole.
    """
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
    """Name what differs between a disturbed run and an undisturbed one.

    Args:
        run: Run that was disturbed, resumed, and has reached its end.
        reference: Run of the same config that nothing disturbed.

    Returns:
        Entries of the last checkpoint (student, teacher, optimizer, EMA,
        schedule, history of the losses), and logged iterations and
        validations, that are not the same bits; none, if the runs are alike.
    """
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
