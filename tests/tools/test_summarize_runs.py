import csv
import io
import re
import statistics
import subprocess
import time

import pytest
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from run_logs import run_tool, tool_fixture, write_run
from support import CLASSMIX, ROOT, SUPERVISED, train

from mmseg_classmix.runs.run import read_run

TOOL = ROOT / 'tools' / 'analysis_tools' / 'summarize_runs.py'
END = 40_000


@HOOKS.register_module(force=True)
class PowerCut(Hook):
    """Ends a training after three iterations, as a crash does."""

    def after_train_iter(self, runner, batch_idx, *_, **__):
        if batch_idx == 2:
            raise RuntimeError('power cut')


call = tool_fixture(TOOL)


def table(text):
    """Rows of a text table, as lists of cells."""
    lines = text.split('\n\n')[0].splitlines()
    edges = [m.span() for m in re.finditer('-+', lines[1])]
    return [[line[a:b].strip() for a, b in edges] for line in lines[2:]]


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Two seeds of both methods, really trained; one of them resumed."""
    root = tmp_path_factory.mktemp('trained')
    for method, config in (('sup', SUPERVISED), ('semi', CLASSMIX)):
        for seed in (0, 1):
            options = {
                'randomness.seed': seed,
                'train_cfg.val_interval': 2,
                'optim_wrapper.optimizer.lr': 0.2,
            }
            work_dir = root / method / f'seed_{seed}'
            if (method, seed) == ('semi', 1):
                with pytest.raises(RuntimeError, match='power cut'):
                    train(
                        work_dir,
                        config,
                        custom_hooks=[
                            dict(type='MeanTeacherHook'),
                            dict(type='PowerCut', priority='VERY_LOW'),
                        ],
                        **options,
                    )
                # A run is a folder named after the second of its start.
                time.sleep(1)
                (root / 'cut').mkdir()
                subprocess.run(
                    ['cp', '-r', str(work_dir), str(root / 'cut')], check=True
                )
            train(work_dir, config, resume=work_dir.exists(), **options)
    return root


def logged(work_dir, name):
    """Last score in the text log, which the tool does not read."""
    text = ''.join(p.read_text() for p in sorted(work_dir.glob('*/*.log')))
    lines = [s for s in text.splitlines() if 'Iter(val) [3/3]' in s]
    return float(re.search(rf'(?<![\w/]){name}: ([\d.]+)', lines[-1])[1])


def test_trained_runs_are_averaged_over_seeds(trained):
    done = run_tool(TOOL, trained / 'sup', trained / 'semi', '--format', 'csv')
    assert done.returncode == 0, done.stderr
    base, ours = csv.DictReader(io.StringIO(done.stdout))
    assert (base['config'], base['method']) == (
        'tiny_supervised',
        'supervised',
    )
    assert (ours['config'], ours['method']) == (
        'tiny_classmix',
        'semi-supervised',
    )
    columns = (
        (base, 'sup', 'mIoU', 'student'),
        (ours, 'semi', 'student/mIoU', 'student'),
        (ours, 'semi', 'teacher/mIoU', 'teacher'),
    )
    means = []
    for row, folder, name, network in columns:
        values = [
            logged(trained / folder / f'seed_{seed}', name) for seed in (0, 1)
        ]
        means.append(statistics.mean(values))
        std = statistics.stdev(values)
        assert float(row[f'{network}_mean']) == pytest.approx(
            means[-1], abs=1e-3
        )
        assert float(row[f'{network}_std']) == pytest.approx(std, abs=1e-3)
        assert (row['runs'], row['seeds']) == ('2', '0 1')
        assert row['published_mean'] == ''
    assert base['teacher_mean'] == base['student_gain'] == ''
    assert ours['baseline'] == 'tiny_supervised'
    for network, mean in (('student', means[1]), ('teacher', means[2])):
        assert float(ours[f'{network}_gain']) == pytest.approx(
            mean - means[0], abs=1e-3
        )


def test_interrupted_run_is_listed_and_resumed_run_counts(trained, call):
    cut = read_run(trained / 'cut' / 'seed_1')
    assert not cut.finished
    assert (cut.reached, cut.max_iters) == (3, 4)
    assert set(cut.validations) == {2}
    resumed = read_run(trained / 'semi' / 'seed_1')
    assert resumed.finished
    assert set(resumed.validations) == {2, 4}
    assert len(list((trained / 'semi' / 'seed_1').glob('2*'))) == 2
    out, error = call(trained / 'cut')
    assert error is None
    assert 'no finished runs' in out
    assert 'iteration 3 of 4' in out
    assert str(trained / 'cut' / 'seed_1') in out


@pytest.fixture(scope='module')
def paper(tmp_path_factory):
    """Three seeds of the paper's first row, and runs that only look so."""
    root = tmp_path_factory.mktemp('paper')
    for seed, (base, ours) in enumerate([(43, 53), (44, 54), (45, 56)]):
        write_run(
            root / 'base' / str(seed),
            'cityscapes_1-30',
            {20_000: 60, END: base},
            fraction='1-30',
            seed=seed,
        )
        write_run(
            root / 'ours' / str(seed),
            'cityscapes_1-30',
            {20_000: (70, 71), END: (ours, ours + 1)},
            semi=True,
            fraction='1-30',
            seed=seed,
        )
    write_run(root / 'cow', 'cowmix', {END: (60, 61)}, semi=True)
    write_run(
        root / 'short',
        'cutmix',
        {300: (30, 31)},
        semi=True,
        **{'train_cfg.max_iters': 300},
    )
    write_run(root / 'half', 'no_mix', {20_000: (99, 99)}, semi=True)
    for name, semi, value in (
        ('camvid_1-8_r18', False, 35),
        ('squared_error', True, (36.5, 37)),
    ):
        write_run(
            root / f'camvid_{name}',
            name,
            {END: value},
            semi=semi,
            data='CamVidDataset',
        )
    return root


def test_scores_stand_next_to_the_published_ones(paper):
    done = run_tool(TOOL, paper)
    assert done.returncode == 0, done.stderr
    rows = {(row[0], row[1]): row for row in table(done.stdout)}
    # 53, 54, 56: mean 54.33, deviations -4/3, -1/3, 5/3, std sqrt(7/3).
    assert rows['cityscapes_1-30', 'semi-supervised'] == [
        'cityscapes_1-30',
        'semi-supervised',
        'Cityscapes 1-30',
        '40000',
        '3',
        '54.33 ± 1.53',
        '+10.33',
        '55.33 ± 1.53',
        '+11.33',
        '54.07 ± 1.61',
        '+10.23',
        'cityscapes_1-30',
    ]
    base = rows['cityscapes_1-30', 'supervised']
    assert base[5:] == ['44.00 ± 1.00', '', '', '', '43.84 ± 0.71', '', '']
    cow = rows['cowmix', 'semi-supervised']
    assert cow[4:] == ['1', '60.00', '', '61.00', '', '60.37', '+5.53', '']


def test_other_schedules_and_data_have_no_published_score(paper, call):
    out, _ = call(paper)
    rows = {row[0]: row for row in table(out)}
    assert rows['cutmix'][9:11] == ['', '']
    assert 'cutmix, Cityscapes 1-8: not the published setting: ' in out
    assert 'iterations 300, in the paper 40000' in out
    camvid = rows['squared_error']
    assert camvid[2] == 'CamVid 1-8'
    assert camvid[6] == '+1.50'
    assert camvid[9:] == ['', '', 'camvid_1-8_r18']
    assert 'no_mix' not in rows
    assert f'not counted: {paper / "half"}' in out
    assert 'iteration 20000 of 40000' in out


def test_markdown_and_best(paper, call):
    out, _ = call(paper / 'ours', '--format', 'markdown', '--best')
    head, rule, row, *rest = out.splitlines()
    assert 'student best mIoU' in head
    assert set(rule) <= set('| -')
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    assert cells[5] == '70.00 ± 0.00'
    assert cells[7] == '71.00 ± 0.00'
    assert any('chosen on the reported images' in line for line in rest)
    assert len(head) == len(rule) == len(row)


def test_unreadable_line_is_named(tmp_path, call):
    write_run(tmp_path, 'base', {100: 10, END: 20})
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    lines = log.read_text().splitlines()
    log.write_text('\n'.join([*lines[:2], '<<<<', *lines[2:]]) + '\n')
    out, error = call(tmp_path)
    assert not out
    assert f'error: {log}, line 3: not a line of scalars' in error
    assert "'<<<<'" in error


def test_several_baselines_give_no_gain_and_a_note(tmp_path, call):
    write_run(tmp_path / 'b1', 'one', {END: 50})
    write_run(tmp_path / 'b2', 'two', {END: 51})
    write_run(tmp_path / 'o', 'ours', {END: (53, 54)}, semi=True)
    out, _ = call(tmp_path)
    (ours,) = (row for row in table(out) if row[0] == 'ours')
    assert ours[6] == ours[8] == ''
    assert '2 baselines fit: one, two' in out


def test_seeds_on_one_split_are_pointed_out(tmp_path, call):
    for seed in (0, 1):
        write_run(
            tmp_path / str(seed),
            'base',
            {END: 50},
            **{'randomness.seed': seed},
        )
    out, _ = call(tmp_path)
    assert 'seeds [0, 1] trained on splits [0, 0]' in out


def test_folders_and_metrics_that_are_not_there_are_named(tmp_path, call):
    _, error = call(tmp_path)
    assert error.startswith(f'error: no runs in {tmp_path}: expected ')
    _, error = call(tmp_path / 'missing')
    assert error == f'error: no folder {tmp_path / "missing"}'
    write_run(tmp_path, 'base', {END: 50})
    _, error = call(tmp_path, '--metric', 'mDice')
    assert error == (
        "error: no validation reports 'mDice': give --metric one of mIoU"
    )
