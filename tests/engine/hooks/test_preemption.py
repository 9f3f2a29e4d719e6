"""SIGTERM and SIGUSR1: a checkpoint, exit code 75, and nothing is lost."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from resume_support import assert_same
from support import (
    CLASSMIX,
    ROOT,
    TINY,
    call_tool,
    environment,
    load,
    train,
)
from tool_process import arguments_for, run_tool, write_config
from torch.distributed.elastic.utils.distributed import get_free_port

END = 6
OPTIONS = [
    f'train_cfg.max_iters={END}',
    'train_cfg.val_interval=4',
    'default_hooks.checkpoint.interval=4',
]


def command(work_dir, *more, **settings):
    return arguments_for(work_dir, *more, **settings) + OPTIONS


@pytest.mark.parametrize(
    ('number', 'stage', 'at', 'stopped', 'settings'),
    [
        ('SIGTERM', 'before_train_iter', 2, 3, dict(workers=2)),
        ('SIGUSR1', 'before_train', 0, 1, {}),
        ('SIGUSR1', 'after_val_iter', 4, 4, {}),
        # Two processes agree at the end of the next iteration.
        ('SIGUSR1', 'before_train_iter', 1, 3, dict(ranks=2)),
    ],
    ids=['with workers', 'before the start', 'in a validation', 'to rank 1'],
)
def test_a_signal_stops_and_loses_nothing(
    uninterrupted, tmp_path, number, stage, at, stopped, settings
):
    ranks = settings.get('ranks', 1)
    base = TINY / 'tiny_resume.py'
    # The kernel sends SIGTERM for every thread of a launcher that dies.
    faults = [
        dict(type='SignalHook', number=number, stage=s, at=at, rank=ranks - 1)
        for s in (stage, 'after_run')
    ]
    config = write_config(tmp_path / 'config.py', base, faults)
    options = dict(cwd=tmp_path, ranks=ranks)
    arguments = command(tmp_path, **settings)
    output = run_tool('train.py', config, *arguments, codes=[75], **options)
    assert f'after iteration {stopped}' in output
    newest = tmp_path / f'iter_{stopped}.pth'
    saved = load(newest)
    assert saved['meta']['iter'] == stopped
    assert not (tmp_path / f'iter_{stopped + 1}.pth').exists()
    assert 'val/student/mIoU' not in saved['message_hub']['log_scalars']

    arguments = command(tmp_path, '--resume', **settings)
    output = run_tool('train.py', base, *arguments, **options)
    assert f'Resuming from {newest}' in output
    resumed = load(tmp_path / f'iter_{END}.pth')
    whole = uninterrupted(ranks)
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_same(resumed[part], whole[part], part)
    # The results of both validations, too.
    assert_same(resumed['message_hub'], whole['message_hub'])
    scores = whole['message_hub']['log_scalars']['val/student/mIoU']['log']
    assert len(scores) == 2


def test_without_the_hook_a_signal_ends_the_training_at_once(tmp_path):
    fault = dict(
        type='SignalHook', number='SIGTERM', stage='before_train_iter', at=2
    )
    config = write_config(tmp_path / 'config.py', CLASSMIX, [fault])
    arguments = [*command(tmp_path), 'default_hooks.preemption=None']
    run_tool('train.py', config, *arguments, cwd=tmp_path, codes=[75])
    assert not list(tmp_path.glob('*.pth'))


@HOOKS.register_module()
class OwnSignalHook(Hook):
    """Sends SIGUSR1 to this process alone."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 1:
            signal.raise_signal(signal.SIGUSR1)


def test_the_tool_obeys_signals_until_it_ends(tmp_path):
    own = dict(type='OwnSignalHook')
    config = write_config(tmp_path / 'config.py', CLASSMIX, [own])
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append('here'))
    try:
        arguments = command(tmp_path / 'stopped')
        assert call_tool('train.py', config, *arguments).returncode == 75
        assert not heard
        # The next training of this process.
        runner = train(tmp_path / 'next', config)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == ['here']
    assert runner.iter == 4


def test_an_accumulation_is_not_broken_off(tmp_path):
    fault = dict(
        type='SignalHook', number='SIGTERM', stage='before_train_iter', at=2
    )
    config = write_config(tmp_path / 'config.py', CLASSMIX, [fault])
    arguments = command(tmp_path) + ['optim_wrapper.accumulative_counts=4']
    run_tool('train.py', config, *arguments, cwd=tmp_path, codes=[75])
    assert {path.name for path in tmp_path.glob('iter_*')} == {'iter_4.pth'}


def wait_for(condition, process, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def start_dist_train(tmp_path, log, ranks=2):
    """Start processes that would train for long; wait for a checkpoint."""
    arguments = command(tmp_path, ranks=ranks, workers=1)
    process = subprocess.Popen(
        [
            str(argument)
            for argument in (
                ROOT / 'tools' / 'dist_train.sh',
                CLASSMIX,
                ranks,
                *arguments,
                'train_cfg.max_iters=100000',
                'default_hooks.checkpoint.max_keep_ckpts=1',
            )
        ],
        cwd=tmp_path,
        env=environment(),
        stdout=log.open('w'),
        stderr=subprocess.STDOUT,
    )
    wait_for(lambda: list(tmp_path.glob('iter_*.pth')), process)
    return process


@pytest.mark.parametrize(
    ('number', 'ranks'),
    [
        # Several that end together: see test_a_signal_stops_..., above.
        (signal.SIGUSR1, 1),
        pytest.param(signal.SIGTERM, 2, marks=pytest.mark.slow),
    ],
)
def test_dist_train_passes_signal_and_exit_code(tmp_path, number, ranks):
    log = tmp_path / 'log.txt'
    process = start_dist_train(tmp_path, log, ranks)
    process.send_signal(number)
    assert process.wait(300) == 75, log.read_text()
    (newest,) = tmp_path.glob('iter_*.pth')
    iteration = load(newest)['meta']['iter']
    assert f'after iteration {iteration}' in log.read_text()
    assert 'Traceback' not in log.read_text()


def is_running(process):
    """Whether a folder of /proc is that of a process, and no zombie."""
    try:
        return 'State:\tZ' not in (process / 'status').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_workers_of_a_killed_launcher_save_and_end(tmp_path):
    log = tmp_path / 'log.txt'
    process = start_dist_train(tmp_path, log)
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children')
    workers = [Path('/proc', pid) for pid in children.read_text().split()]
    assert len(workers) == 2
    process.kill()
    deadline = time.monotonic() + 300
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    (newest,) = tmp_path.glob('iter_*.pth')
    iteration = load(newest)['meta']['iter']
    assert f'after iteration {iteration}' in log.read_text()
    process.wait()


# In place of Slurm: one task, in the place of srun itself.
SRUN = """#!/usr/bin/env bash
while [ "$1" != python ]; do shift; done
export SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_LOCALID=0 SLURM_NODELIST=localhost
exec "$@"
"""


@pytest.mark.slow
def test_slurm_train_passes_signal_and_exit_code(tmp_path):
    for name, text in dict(
        srun=SRUN, scontrol='#!/bin/sh\necho 127.0.0.1\n'
    ).items():
        path = tmp_path / 'bin' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    env = environment(MASTER_PORT=get_free_port(), GPUS_PER_NODE=0)
    env['PATH'] = f'{tmp_path / "bin"}:{env["PATH"]}'
    process = subprocess.Popen(
        [
            str(argument)
            for argument in (
                ROOT / 'tools' / 'slurm_train.sh',
                'gpu',
                'job',
                CLASSMIX,
                *command(tmp_path),
                'train_cfg.max_iters=100000',
            )
        ],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: list(tmp_path.glob('iter_*.pth')), process)
    os.kill(process.pid, signal.SIGUSR1)
    assert process.wait(300) == 75


def test_a_signal_during_the_imports_stops_at_once(tmp_path):
    process = subprocess.Popen(
        [str(ROOT / 'tools' / 'dist_train.sh'), str(CLASSMIX), '2'],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    status = Path(f'/proc/{process.pid}/status')
    bit = 1 << (signal.SIGTERM - 1)

    def catches():
        caught = re.search(r'^SigCgt:\s*(\w+)$', status.read_text(), re.M)
        return int(caught[1], 16) & bit

    wait_for(catches, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(300) == 75
    assert not list(tmp_path.rglob('*.pth'))
