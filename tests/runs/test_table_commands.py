from pathlib import Path

import pytest
from run_logs import write_log, write_run, write_table_configs
from support import ROOT

from mmseg_classmix.runs.table_commands import experiments_of, plan

SOURCE = 'train_dataloader.dataset.datasets'


@pytest.fixture
def configs(tmp_path):
    return write_table_configs(tmp_path / 'configs')


def planned(configs, out, *, only=(), seeds=(0,), gpus=1, options=()):
    rows = experiments_of('cityscapes', only or ['*_1-8'])
    return plan(rows, list(seeds), gpus, configs, out, list(options))


def test_every_row_and_seed_is_a_command(tmp_path):
    # Fractions of Tables 1 and 2; rows of Table 3, no_mix, published_code;
    # fractions of CamVid, and three other mixes at one of them.
    expected = dict(
        cityscapes=(5, 4),
        voc12aug=(6, 5),
        ablations=(3, 13),
        camvid=(5, 7),
        quickstart=(1, 1),
    )
    for table, counts in expected.items():
        semi = [e.baseline is not None for e in experiments_of(table, [])]
        assert (semi.count(False), semi.count(True)) == counts
    rows = experiments_of('camvid', [])
    jobs = plan(rows, [0, 1, 2], 2, ROOT / 'configs', tmp_path, [])
    assert len({job.work_dir for job in jobs}) == len(jobs) == 3 * 12
    lists = [
        sum('ann_file' in option for option in job.options) for job in jobs
    ]
    # All labels need no list.
    assert [lists.count(n) for n in range(3)] == [3, 3 * 4, 3 * 7]


def test_finished_run_of_another_length_is_not_the_table(tmp_path, configs):
    work_dir = tmp_path / 'cityscapes/supervised/cityscapes_1-8/seed_0'
    write_run(
        work_dir, 'cityscapes_1-8', {20: 10}, **{'train_cfg.max_iters': 20}
    )
    only = ['supervised/*_1-8']
    with pytest.raises(ValueError, match='finished run of 20 iterations, not'):
        planned(configs, tmp_path, only=only)
    (job,) = planned(
        configs, tmp_path, only=only, options=['train_cfg.max_iters=20']
    )
    assert job.status == 'finished'


def test_checkpoints_without_a_record_are_not_overwritten(tmp_path, configs):
    work_dir = tmp_path / 'cityscapes/supervised/cityscapes_1-8/seed_0'
    only = ['supervised/*_1-8']
    write_log(work_dir, '20260101_000000', [])
    (job,) = planned(configs, tmp_path, only=only)
    assert job.status == 'begun'
    (work_dir / 'last_checkpoint').write_text('iter_4.pth')
    with pytest.raises(ValueError, match='seed_0 has checkpoints, but no run'):
        planned(configs, tmp_path, only=only)


def test_processes_that_cannot_share_the_batch_are_refused(tmp_path, configs):
    with pytest.raises(ValueError, match='--gpus 4: the 2 labeled images'):
        planned(configs, tmp_path, gpus=4)


def test_ablations_of_another_base(tmp_path, monkeypatch):
    monkeypatch.setenv('ABLATION_BASE', 'camvid_1-8_r18')
    rows = experiments_of('ablations', [])
    assert [row.config for row in rows][:3] == [
        'supervised/camvid_1-8_r18',
        'classmix/camvid_1-8_r18',
        'ablations/cowmix',
    ]
    jobs = plan(rows[:2], [2], 1, ROOT / 'configs', tmp_path, [])
    splits = ROOT / 'configs' / 'splits' / 'camvid'
    assert jobs[1].options == (
        'randomness.seed=2',
        f'{SOURCE}.0.ann_file={splits}/1-8_2_labeled.txt',
        f'{SOURCE}.1.ann_file={splits}/1-8_2_unlabeled.txt',
    )
    assert jobs[0].missing == jobs[1].missing == ()
    assert jobs[0].work_dir.parts[-3:] == (
        'supervised',
        'camvid_1-8_r18',
        'seed_2',
    )


def test_camvid_is_mixed_in_five_ways_with_the_lists_of_the_seed(
    tmp_path, monkeypatch
):
    # Of somebody who has just run the ablations of another config.
    monkeypatch.setenv('ABLATION_BASE', 'camvid_1-8_r18')
    rows = experiments_of('camvid', ['*_1-8_lite0', 'ablations/*'])
    jobs = plan(rows, [1], 1, ROOT / 'configs', tmp_path, [])
    splits = ROOT / 'configs' / 'splits' / 'camvid'
    assert [job.missing for job in jobs] == [()] * 5
    for job in jobs:
        env, words = job.command(Path('tools'), 1, None)
        assert f'{SOURCE}.0.ann_file={splits}/1-8_1_labeled.txt' in words
        mixed = 'ablations' in str(job.config)
        assert env == (dict(ABLATION_BASE='camvid_1-8_lite0') if mixed else {})
    # Two processes share the batch: one labeled image each.
    (job,) = plan(rows[:1], [1], 2, ROOT / 'configs', tmp_path, [])
    assert 'train_dataloader.batch_size=1' in job.options


def test_unknown_patterns_and_numbers_are_named(tmp_path):
    with pytest.raises(ValueError, match='--only ade fits none of: super'):
        experiments_of('cityscapes', ['ade'])
    with pytest.raises(ValueError, match='max_iters=many: not a number'):
        plan(
            experiments_of('cityscapes', ['*_full']),
            [0],
            1,
            tmp_path,
            tmp_path,
            ['train_cfg.max_iters=many'],
        )
