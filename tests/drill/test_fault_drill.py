"""The fault drill: that it disturbs, that it sees, and that runs survive."""

import json
import re
import sys

import pytest
import torch
from support import run_process

from drill import fault_drill, runs, trial


@pytest.mark.slow
def test_every_fault_is_survived(tmp_path):
    work_dir = tmp_path / 'work'
    command = (sys.executable, fault_drill.__file__, '--work-dir', work_dir)
    done = run_process(*command, '--trials', 12, cwd=tmp_path, timeout=1500)
    assert done.returncode == 0, done.stdout
    rows = re.findall(r'^\| (\w+) +\|(.*)\|$', done.stdout, re.MULTILINE)
    table = {name: [c.strip() for c in r.split('|')] for name, r in rows[1:]}
    tried = {name: row for name, row in table.items() if 'skip' not in row[0]}
    assert {'kill', 'kill_save', 'lost_process', 'preempt'} <= set(tried)
    for row in tried.values():
        assert int(row[0]) >= 2 and row[0] == row[1] == row[3]
    # What it leaves: data, config, reference; nothing of trials that passed.
    left = {path.name for path in work_dir.iterdir()}
    assert left == {'data', 'config.py', 'reference'}


def test_a_fault_that_cannot_be_made_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('PATH', '/nowhere')
    arguments = ['--faults', 'full_disk', 'lost_host']
    # Nothing was tried: no success.
    assert fault_drill.main([*arguments, '--work-dir', str(tmp_path)]) == 1
    text = capsys.readouterr().out
    for fault in ('full_disk', 'lost_host'):
        assert re.search(rf'^\| {fault} +\| skipped: .*unshare', text, re.M)


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


@pytest.mark.parametrize(
    ('change', 'names'),
    [
        (dict(time=torch.tensor([2.0])), []),
        (
            dict(student=torch.tensor([0.1, 0.2 + 2e-8])),
            ['state_dict.student.w'],
        ),
        (dict(teacher=torch.tensor([-0.0])), ['state_dict.teacher.w']),
        (dict(moment=torch.tensor([3.0])), ['optimizer.state.0.exp_avg']),
        (dict(losses=torch.tensor([0.26])), ['history.train/loss.log']),
    ],
    ids=['clock', 'bit', 'sign', 'dtype', 'history'],
)
def test_one_bit_is_a_difference_and_a_clock_is_none(make_run, change, names):
    found = trial.differences(make_run('one'), make_run('other', **change))
    assert found == names


def test_log_is_compared_and_has_no_gap(make_run):
    one, other = make_run('one'), make_run('other', loss=0.5000001)
    assert len(trial.differences(one, other)) == 20
    (path,) = one.work_dir.glob('*/vis_data/scalars.json')
    lines = path.read_text().splitlines()
    # An iteration is missing, another one is there twice, and no validation.
    path.write_text('\n'.join(lines[:6] + lines[7:20] + lines[3:4]) + '\n')
    found = trial.differences(one, make_run('third'))
    assert found == ['logged iteration 7', 'logged validation 20']


def test_truncated_checkpoint_is_seen(make_run):
    run = make_run('one')
    path = run.work_dir / 'iter_20.pth'
    assert trial.whole_checkpoints(run) == [20]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(runs.TrialError, match='iter_20.pth is damaged'):
        trial.whole_checkpoints(run)
    path.unlink()
    with pytest.raises(runs.TrialError, match='no checkpoint'):
        trial.whole_checkpoints(run)


def test_orphans_in_another_session_are_found(tmp_path):
    group = runs.Group(tmp_path / 'log')
    group.start(['bash', '-c', 'setsid sleep 1000 & exit 3'])
    with pytest.raises(runs.TrialError, match='still run after 1 s'):
        group.wait(1)
    assert len(group.alive()) == 1
    group.kill()
    assert group.wait(1) == [3]
