import csv
import io

import pytest
from run_logs import add_start, write_log, write_run
from support import call_tool

TOOL = 'analysis_tools/summarize_runs.py'
END = 40_000


def table(text):
    """Rows of a text table, as lists of cells."""
    return [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in text.splitlines()
        if line.startswith('|')
    ]


@pytest.fixture(scope='module')
def paper(tmp_path_factory):
    """Three seeds of the paper's first row, and runs that only look so."""
    root = tmp_path_factory.mktemp('paper')
    for seed, (base, ours) in enumerate([(43, 53), (44, 54), (45, 56)]):
        common = dict(fraction='1-30', seed=seed)
        write_run(
            root / 'base' / str(seed),
            'cityscapes_1-30',
            {20_000: 60, END: base},
            **common,
        )
        write_run(
            root / 'ours' / str(seed),
            'cityscapes_1-30',
            {20_000: (70, 71), END: (ours, ours + 1)},
            semi=True,
            **common,
        )
    write_run(root / 'cow', 'cowmix', {END: (60, 61)}, semi=True)
    write_run(
        root / 'short',
        'cutmix',
        {300: (30, 31)},
        semi=True,
        **{'train_cfg.max_iters': 300},
    )
    half = write_run(root / 'half', 'no_mix', {20_000: (99, 99)}, semi=True)
    # Stopped after it was resumed.
    line = dict(loss=1.0, step=20_500)
    add_start(half, 20_000, '20260102_000000', [line])
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
    write_log(root / 'old', '20260101_000000', [])
    return root


def test_scores_stand_next_to_the_published_ones(paper):
    done = call_tool(TOOL, paper)
    assert done.returncode == 0, done.stdout
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
    # Other schedules and data have no published score.
    assert rows['cutmix', 'semi-supervised'][9:11] == ['', '']
    assert 'cutmix, Cityscapes 1-8: not the published setting: ' in done.stdout
    assert 'iterations 300, in the paper 40000' in done.stdout
    camvid = rows['squared_error', 'semi-supervised']
    assert (camvid[2], camvid[6]) == ('CamVid 1-8', '+1.50')
    assert camvid[9:] == ['', '', 'camvid_1-8_r18']
    # What has not ended, and what is no run of ours.
    assert 'no_mix' not in dict(rows)
    assert f'not counted: {paper / "half"}' in done.stdout
    assert 'iteration 20500 of 40000' in done.stdout
    assert f'left out: {paper / "old"} has no run.json' in done.stdout


def test_formats_and_best(paper):
    options = ('--best', '--format')
    done = call_tool(TOOL, paper / 'ours', *options, 'markdown')
    head, rule, row = table(done.stdout)
    assert 'student best mIoU' in head
    assert set(''.join(rule)) <= set(':-')
    assert (row[5], row[7]) == ('70.00 ± 0.00', '71.00 ± 0.00')
    assert 'chosen on the reported images' in done.stdout
    done = call_tool(TOOL, paper / 'ours', paper / 'base', '--format', 'csv')
    base, ours = csv.DictReader(io.StringIO(done.stdout))
    assert (base['method'], base['teacher_mean']) == ('supervised', '')
    assert (ours['runs'], ours['seeds']) == ('3', '0 1 2')
    assert (ours['student_mean'], ours['student_std']) == ('54.3333', '1.5275')
    assert (ours['student_gain'], ours['baseline']) == (
        '10.3333',
        'cityscapes_1-30',
    )


def test_several_baselines_give_no_gain_and_a_note(tmp_path):
    write_run(tmp_path / 'b1', 'one', {END: 50})
    write_run(tmp_path / 'b2', 'two', {END: 51})
    write_run(tmp_path / 'o', 'ours', {END: (53, 54)}, semi=True)
    text = call_tool(TOOL, tmp_path).stdout
    (ours,) = (row for row in table(text) if row[0] == 'ours')
    assert ours[6] == ours[8] == ''
    assert '2 baselines fit: one, two' in text


def test_seeds_on_one_split_are_pointed_out(tmp_path):
    for seed in (0, 1):
        options = {'randomness.seed': seed}
        write_run(tmp_path / str(seed), 'base', {END: 50}, **options)
    text = call_tool(TOOL, tmp_path).stdout
    assert 'seeds [0, 1] trained on splits [0, 0]' in text


def test_what_cannot_be_shown_is_named(tmp_path):
    done = call_tool(TOOL, tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f'error: no runs in {tmp_path}: expected ')
    text = call_tool(TOOL, tmp_path / 'missing').stdout
    assert text == f'error: no folder {tmp_path / "missing"}\n'
    write_run(tmp_path, 'base', {100: 50})
    assert 'no finished runs' in call_tool(TOOL, tmp_path).stdout
    text = call_tool(TOOL, tmp_path, '--metric', 'mDice').stdout
    assert text == (
        "error: no validation reports 'mDice': give --metric one of mIoU\n"
    )
    (tmp_path / 'run.json').write_text('{')
    done = call_tool(TOOL, tmp_path)
    assert done.returncode == 1
    assert f'{tmp_path / "run.json"} is no record' in done.stdout
