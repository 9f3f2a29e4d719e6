"""The fault drill: that it disturbs, that it sees, and that runs survive."""

import importlib
import json
import re
import subprocess
import sys

import pytest
import torch
from support import ROOT, run_process
from tool_process import run_python

TOOL = ROOT / 'tools' / 'dev' / 'fault_drill.py'
sys.path.insert(0, str(TOOL.parent))
compare, faults, hosts, processes, runs, trial_parts = (
    importlib.import_module(f'drill.{name}')
    for name in ('compare', 'faults', 'hosts', 'processes', 'runs', 'trial')
)


def drill(tmp_path, *arguments):
    """Run the tool; return it and its table as {fault: cells}."""
    command = (sys.executable, TOOL, '--work-dir', tmp_path / 'work')
    done = run_process(*command, *arguments, cwd=tmp_path, timeout=1500)
    return done, table_of(done)


def table_of(done):
    rows = re.findall(r'^\| (\w+) +\|(.*)\|$', done.stdout, re.MULTILINE)
    return {name: [c.strip() for c in r.split('|')] for name, r in rows}


def test_training_killed_during_a_save_continues_exactly(tmp_path):
    done, table = drill(tmp_path, '--trials', 1, '--faults', 'kill_save')
    assert done.returncode == 0, done.stdout
    tried, survived, lost, identical = table['kill_save']
    assert tried == survived == identical == '1'
    assert re.fullmatch(r'[0-4]-[0-4], mean [0-4]\.0', lost)
    # What it left: data, config, reference; nothing of trials that passed.
    left = {path.name for path in (tmp_path / 'work').iterdir()}
    assert left == {'data', 'config.py', 'reference'}


@pytest.mark.slow
def test_every_fault_is_survived(tmp_path):
    done, table = drill(tmp_path, '--trials', 12)
    assert done.returncode == 0, done.stdout
    tried = {name: row for name, row in table.items() if 'skip' not in row[0]}
    tried.pop('fault')
    assert {'kill', 'kill_save', 'lost_process', 'preempt'} <= set(tried)
    for row in tried.values():
        assert int(row[0]) >= 2 and row[0] == row[1] == row[3]


def test_a_fault_that_cannot_be_made_is_named(tmp_path):
    arguments = ('--faults', 'full_disk', 'lost_host')
    done = run_python(TOOL, *arguments, cwd=tmp_path, PATH='/nowhere')
    table = table_of(done)
    # Nothing was tried: no success.
    assert done.returncode == 1, done.stdout
    for fault in ('full_disk', 'lost_host'):
        assert table[fault][0].startswith('skipped: ')
        assert 'unshare' in table[fault][0]


@pytest.fixture
def make_run(tmp_path):
    """Write what a run of the drill leaves, with values of choice."""

    def make(name, loss=0.5, **changes):
        run = runs.OneProcess(tmp_path / name, tmp_path / 'config.py')
        values = dict(
            student=torch.tensor([0.1, 0.2]),
            teacher=torch.tensor([0.0]),
            moment=torch.tensor([3.0], dtype=torch.float64),
            step=20,
            losses=torch.tensor([0.25]),
            time=torch.tensor([1.0]),
        )
        values.update(changes)
        checkpoint = dict(
            state_dict={
                'student.w': values['student'],
                'teacher.w': values['teacher'],
            },
            optimizer=dict(state={0: dict(exp_avg=values['moment'])}),
            param_schedulers=[dict(last_step=values['step'])],
            meta=dict(iter=20, time=name),
            message_hub=dict(
                runtime_info=dict(ema_warmup=True),
                log_scalars={
                    'train/loss': dict(log=values['losses']),
                    'train/time': dict(log=values['time']),
                },
            ),
        )
        folder = run.work_dir / '20260101_000000' / 'vis_data'
        folder.mkdir(parents=True)
        torch.save(checkpoint, run.work_dir / 'iter_20.pth')
        lines = [dict(step=i, loss=loss, time=i) for i in range(1, 21)]
        lines.append(dict(step=20, mIoU=30.0, time=name))
        text = '\n'.join(json.dumps(line) for line in lines)
        (folder / 'scalars.json').write_text(f'{text}\n{{"loss": 0.')
        return run

    return make


def test_equal_runs_do_not_differ_by_their_clocks(make_run):
    other = make_run('other', time=torch.tensor([2.0]))
    assert compare.differences(make_run('one'), other) == []


@pytest.mark.parametrize(
    ('change', 'name'),
    [
        (
            dict(student=torch.tensor([0.1, 0.2 + 2e-8])),
            'state_dict.student.w',
        ),
        (dict(teacher=torch.tensor([-0.0])), 'state_dict.teacher.w'),
        (dict(moment=torch.tensor([3.0])), 'optimizer.state.0.exp_avg'),
        (dict(step=21), 'param_schedulers.0.last_step'),
        (dict(losses=torch.tensor([0.26])), 'history.train/loss.log'),
    ],
)
def test_one_bit_is_a_difference(make_run, change, name):
    found = compare.differences(make_run('one'), make_run('other', **change))
    assert found == [name]


def test_log_is_compared_and_has_no_gap(make_run):
    one, other = make_run('one'), make_run('other', loss=0.5000001)
    assert len(compare.differences(one, other)) == 20
    (path,) = one.work_dir.glob('*/vis_data/scalars.json')
    lines = path.read_text().splitlines()
    # An iteration is missing, another one is there twice, and no validation.
    path.write_text('\n'.join(lines[:6] + lines[7:20] + lines[3:4]) + '\n')
    found = compare.differences(one, make_run('third'))
    assert found == ['logged iteration 7', 'logged validation 20']


def test_truncated_checkpoint_is_seen(make_run):
    run = make_run('one')
    path = run.work_dir / 'iter_20.pth'
    assert trial_parts.whole_checkpoints(run) == [20]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(processes.TrialError, match='iter_20.pth is damaged'):
        trial_parts.whole_checkpoints(run)
    path.unlink()
    with pytest.raises(processes.TrialError, match='no checkpoint'):
        trial_parts.whole_checkpoints(run)


def test_orphans_in_another_session_are_found(tmp_path):
    group = processes.Group(tmp_path / 'log')
    group.start(['bash', '-c', 'setsid sleep 1000 & exit 3'])
    with pytest.raises(processes.TrialError, match='still run after 2 s'):
        group.wait(2)
    assert len(group.alive()) == 1
    group.kill()
    assert group.wait(1) == [3]


def test_cable_between_two_hosts():
    if reason := hosts.why_no_hosts():
        pytest.skip(f'cannot make two hosts: {reason}')

    def reached(pair):
        """Whether a message of host 1 comes to host 0 within a second."""
        code = 'import socket as s; x = s.socket(s.AF_INET, s.SOCK_DGRAM);'
        listen = f'{code} x.settimeout(1); x.bind(("", 999)); x.recv(9)'
        speak = f'{code} x.sendto(b"hello", ("{hosts.ADDRESSES[0]}", 999))'
        listener = subprocess.Popen(
            [*pair.prefix(0), sys.executable, '-c', listen],
            stderr=subprocess.DEVNULL,
        )
        while listener.poll() is None:
            subprocess.run(
                [*pair.prefix(1), sys.executable, '-c', speak],
                stderr=subprocess.DEVNULL,
            )
        return listener.returncode == 0

    with hosts.TwoHosts() as pair:
        assert reached(pair)
        pair.pull(1)
        assert not reached(pair)
        pair.plug(1)
        assert reached(pair)
        holders = [holder.pid for holder in pair.holders]
    for pid in holders:
        with pytest.raises(ProcessLookupError):
            processes.os.kill(pid, 0)
