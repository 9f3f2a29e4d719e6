"""run.json: what a training writes, and what is read from it."""

import hashlib
import json
import math
import shutil
import sys
import time
from functools import partial
from itertools import count

import numpy as np
import pytest
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from support import CLASSMIX, SUPERVISED, log_lines, tiny_config

from mmseg_classmix.distributed.plain_config import plain
from mmseg_classmix.engine.runner import build_runner
from mmseg_classmix.runs.run import read_log, read_run
from mmseg_classmix.runs.run_json import RunRecordHook, read_record

STARTS = count()


@HOOKS.register_module(force=True)
class PowerCut(Hook):
    """Ends a training after three iterations, as a crash does."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, *_, **__):
        if runner.iter == 2:
            raise RuntimeError('power cut')


def train(work_dir, config=CLASSMIX, resume=False, **options):
    # In one process mmengine shares what has the same name.
    options = {'visualizer.name': f'start_{next(STARTS)}', **options}
    options = {'train_cfg.val_interval': 2, **options}
    cfg = tiny_config(work_dir, config, **options)
    cfg.resume = resume
    runner = build_runner(cfg)
    runner.register_hook(RunRecordHook())
    runner.train()


@pytest.fixture(scope='module')
def resumed(tmp_path_factory):
    """A run of 4 iterations that was cut off after 3, and resumed at 2."""
    root = tmp_path_factory.mktemp('resumed')
    work_dir, cut = root / 'run', root / 'cut'
    hooks = [
        dict(type='MeanTeacherHook'),
        dict(type='PowerCut'),
    ]
    with pytest.raises(RuntimeError, match='power cut'):
        train(work_dir, custom_hooks=hooks)
    shutil.copytree(work_dir, cut)
    # mmengine names the log of a start after the second.
    time.sleep(1 - time.time() % 1)
    # As an error of ours advises: a config of the work directory.
    copy = work_dir / CLASSMIX.name
    copy.write_text(f'_base_ = {str(CLASSMIX)!r}')
    train(work_dir, copy, resume=True)
    return work_dir, cut


def test_head_is_what_was_trained(resumed, tiny_data):
    record = json.loads((resumed[0] / 'run.json').read_text())
    assert record['format'] == 1
    assert record['name'] == 'configs/tiny_classmix'
    assert record['config_file'] == str(resumed[0] / CLASSMIX.name)
    assert record['config']['train_cfg']['max_iters'] == 4
    assert record['seed'] == 0
    assert record['split'] == dict(share='labeled', seed=None)
    assert record['classes'] == ['ground', 'box', 'disk']
    names = tiny_data / 'labeled.txt'
    labeled, unlabeled, val = record['data']
    source = 'train_dataloader.dataset.datasets'
    assert labeled == dict(
        source=f'{source}[0]',
        type='LabeledDataset',
        images=4,
        list=str(names),
        sha256=hashlib.sha256(names.read_bytes()).hexdigest(),
    ) | dict(type=labeled['type'])
    assert unlabeled['source'] == f'{source}[1]'
    assert (unlabeled['images'], unlabeled['list']) == (6, None)
    assert (val['source'], val['images']) == ('val_dataloader.dataset', 3)
    first, second = record['starts']
    assert (first['iteration'], second['iteration']) == (0, 2)
    assert (first['world_size'], first['changed']) == (1, {})
    assert sys.argv[0] in first['command']
    assert first['versions']['mmengine'] and first['versions']['torch']
    # The hook that cut it off is gone.
    key = 'custom_hooks.1.type'
    assert second['changed'].pop(key) == 'unset'
    assert all(k.startswith('custom_hooks.1') for k in second['changed'])
    assert record['end']['iteration'] == 4


def test_scores_are_those_of_the_log(resumed):
    record = json.loads((resumed[0] / 'run.json').read_text())
    steps = [v['iteration'] for v in record['validations']]
    assert steps == [2, 4]
    last = record['validations'][-1]
    logs = sorted(resumed[0].glob('*/vis_data/scalars.json'))
    lines = [json.loads(line) for line in logs[-1].read_text().splitlines()]
    logged = [line for line in lines if 'student/mIoU' in line][-1]
    for network in ('student', 'teacher'):
        for name, value in last['scores'][network].items():
            assert value == logged[f'{network}/{name}']
        known = [
            s for s in last['class_scores'][network]['IoU'] if s is not None
        ]
        mean = sum(known) / len(known)
        assert mean == pytest.approx(last['scores'][network]['mIoU'], abs=0.01)


def test_run_that_was_cut_off_is_resumed_as_one(resumed):
    work_dir, cut = resumed
    record = read_record(cut)
    assert record['end'] is None
    run = read_run(cut)
    assert not run.finished
    assert set(run.validations) == {2}
    assert [s['step'] for s in read_log(cut) if 'loss' in s] == [1, 2, 3]
    run = read_run(work_dir)
    assert run.finished and run.method == 'semi-supervised'
    assert run.images == (2, 2)
    lines = read_log(work_dir)
    assert [s['step'] for s in lines if 'loss' in s] == [1, 2, 3, 4]


def test_supervised_run_with_a_record_that_cannot_be_written(tmp_path, caplog):
    (tmp_path / 'run.json').mkdir()
    train(tmp_path, SUPERVISED, **{'train_cfg.max_iters': 2})
    (text,) = tmp_path.glob('*/*.log')
    assert text.read_text().count('run.json is not up to date') == 3
    assert len([s for s in log_lines(tmp_path) if 'loss' in s]) == 2
    (tmp_path / 'run.json').rmdir()
    # JSON, but no record.
    (tmp_path / 'run.json').write_text('{"format": 1}')
    train(tmp_path, SUPERVISED, **{'train_cfg.max_iters': 2})
    assert (tmp_path / 'run.unreadable').read_text() == '{"format": 1}'
    run = read_run(tmp_path)
    assert (run.name, run.method) == ('tiny_supervised', 'supervised')
    score = run.score('student', 'mIoU')
    lines = [s for s in read_log(tmp_path) if 'mIoU' in s]
    assert score == lines[-1]['mIoU']


def test_any_value_has_a_plain_form():
    class Thing:
        pass

    value = dict(
        a=(1, np.float32(0.5), np.arange(2)),
        b={3, 1},
        c=math.inf,
        d=Thing,
        e=Thing(),
        f=len,
        g=np.bool_(True),
        h=partial(print, {1}),
    )
    name = f'{__name__}.{Thing.__qualname__}'
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == dict(
        a=[1, 0.5, [0, 1]],
        b=[1, 3],
        c='inf',
        d=name,
        e=name,
        f='builtins.len',
        g=True,
        h='partial(builtins.print, [1])',
    )


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'is no record of a run'),
        ('{"format": 1', 'is no record of a run'),
        ('[' * 100_000, 'is no record of a run'),
        ('[1]', 'is no record of a run'),
        ('\xff', 'is no record of a run'),
        ('{"format": 2}', 'has format 2, not 1: .*the version'),
        ('{"format": 1}', 'is no record of a training run'),
        (
            '{"format": 1, "config": {"model": 5}, "starts": []}',
            'is no record of a training run',
        ),
    ],
)
def test_other_files_are_named(tmp_path, text, message):
    (tmp_path / 'run.json').write_text(text, encoding='latin-1')
    with pytest.raises(ValueError, match=f'run.json {message}') as error:
        read_run(tmp_path)
    assert f'leave {tmp_path} out' in str(error.value)
