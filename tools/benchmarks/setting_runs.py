"""Settings of a training, and a training with one of them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TF32 = 'default_hooks.execution.tf32'
BLOCKS = 'backbone.layer?.*'


@dataclass(frozen=True)
class Part:
    """One option of tools/train.py.

    Attributes:
        options: Of ``--cfg-options``.
        flags: Others.
        gpu: Whether it needs a GPU.
        tolerance: Largest relative difference of the first losses; None
            where a difference is what the setting is for.
        env: Environment of the process.
    """

    options: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    gpu: bool = False
    tolerance: float | None = 1e-3
    env: tuple[tuple[str, str], ...] = ()


PARTS = {
    'tf32': Part((f'{TF32}=True',), gpu=True, tolerance=0.01),
    'channels_last': Part(('default_hooks.execution.channels_last=True',)),
    'checkpointing': Part(
        (f'default_hooks.execution.checkpointing={BLOCKS}',)
    ),
    'separate_backward': Part(
        ('default_hooks.execution.separate_backward=True',)
    ),
    'compile': Part(('default_hooks.execution.torch_compile=True',)),
    'foreach': Part(('optim_wrapper.optimizer.foreach=True',)),
    'fused': Part(('optim_wrapper.optimizer.fused=True',)),
    'amp': Part(flags=('--amp',), gpu=True, tolerance=0.05),
    # What is no setting, for the scale of the differences.
    'threads': Part(env=(('OMP_NUM_THREADS', '2'),), tolerance=None),
    'seed': Part(('randomness.seed=1',), tolerance=None),
}
EXCLUDING = {'compile': 'checkpointing', 'foreach': 'fused'}


@dataclass
class Run:
    """What a training has measured.

    Attributes:
        seconds: Of every iteration.
        losses: Of every iteration.
        peak: Memory in MiB; see settings.py.
    """

    seconds: list[float]
    losses: list[float]
    peak: float


def parts_of(setting: str) -> list[Part]:
    """Read a setting: 'plain' or options with + between them."""
    if setting == 'plain':
        return []
    names = setting.split('+')
    for name in names:
        if name not in PARTS:
            raise ValueError(
                f"--settings {setting}: {name!r} is unknown; 'plain', or some "
                f'of {", ".join(PARTS)} with + between them'
            )
    for first, second in EXCLUDING.items():
        if first in names and second in names:
            raise ValueError(
                f'--settings {setting}: {first} and {second} exclude each '
                'other'
            )
    return [PARTS[name] for name in names]


def arguments(setting: str) -> list[str]:
    """Options of tools/train.py for a setting."""
    parts = parts_of(setting)
    flags = [flag for part in parts for flag in part.flags]
    options = [option for part in parts for option in part.options]
    return [*flags, *(['--cfg-options', *options] if options else [])]


def train(config: Path, setting: str, iters: int, work_dir: Path) -> Run:
    """Train in a process of its own, without validation and checkpoints."""
    own = arguments(setting)
    if '--cfg-options' not in own:
        own.append('--cfg-options')
    command = [
        *(sys.executable, ROOT / 'tools' / 'train.py', config),
        *('--work-dir', work_dir, *own),
        # torch's own choice is tf32 in convolutions: a setting of its own.
        *(() if any(TF32 in option for option in own) else (f'{TF32}=False',)),
        f'train_cfg.max_iters={iters}',
        *(f'val_{x}=None' for x in ('cfg', 'dataloader', 'evaluator')),
        'default_hooks.checkpoint=None',
        'default_hooks.logger.interval=1',
        'log_processor.window_size=1',
    ]
    work_dir.mkdir(parents=True)
    env = dict(pair for part in parts_of(setting) for pair in part.env)
    with open(work_dir / 'output', 'w+') as log:
        process = subprocess.Popen(
            list(map(str, command)),
            env=_environment(**env),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        if process.returncode:
            tail = '\n'.join(log.read().splitlines()[-5:])
            raise RuntimeError(f'{tail}\n{" ".join(map(str, command))} failed')
    return _read(work_dir, usage.ru_maxrss / 1024)


def _environment(**env: str) -> dict[str, str]:
    """Environment of a process that finds this package."""
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    joined = os.pathsep.join(filter(None, paths))
    return {**os.environ, 'PYTHONPATH': joined, **env}


def _read(work_dir: Path, resident: float) -> Run:
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return Run(
        [line['time'] for line in lines],
        [line['loss'] for line in lines],
        max(line.get('memory', 0) for line in lines) or resident,
    )
