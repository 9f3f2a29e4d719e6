import pytest
from run_logs import write_run
from support import ROOT

from mmseg_classmix.runs.groups import find_baseline, gain, group_runs, score
from mmseg_classmix.runs.run import find_runs

END = 40_000


def groups_of(root):
    runs = [run for run in find_runs([root])[0] if run.finished]
    return group_runs(runs, ROOT / 'configs')


def test_gain_is_that_of_the_seeds_that_both_have(tmp_path):
    for seed, value in ((0, 50), (1, 52), (2, 90)):
        write_run(tmp_path / f'b{seed}', 'base', {END: value}, seed=seed)
    for seed, value in ((0, 51), (1, 55)):
        write_run(
            tmp_path / f'o{seed}',
            'ours',
            {END: (value, value)},
            semi=True,
            seed=seed,
        )
    base, ours = groups_of(tmp_path)
    assert find_baseline(ours, [base, ours]) == (base, [base])
    result = gain(ours, base, 'student', 'mIoU')
    # (51 + 55) / 2 - (50 + 52) / 2
    assert (result.points, result.count, result.partial) == (2, 2, True)


def test_gain_without_common_seeds_is_marked(tmp_path):
    write_run(tmp_path / 'b', 'base', {END: 50}, seed=0)
    write_run(tmp_path / 'o', 'ours', {END: (53, 54)}, semi=True, seed=1)
    base, ours = groups_of(tmp_path)
    result = gain(ours, base, 'teacher', 'mIoU')
    assert (result.points, result.count, result.partial) == (4, 0, True)


@pytest.mark.parametrize(
    'options',
    [
        {'train_cfg.max_iters': 20_000},
        {'model.backbone.depth': 50},
        {'train_dataloader.batch_size': 4},
        {'train_dataloader.dataset.datasets.0.pipeline.2.prob': 0.0},
        {'val_dataloader.dataset.pipeline.0.imdecode_backend': 'pillow'},
        {'load_from': 'checkpoints/other.pth'},
        {'fraction': '1-4'},
        {'data': 'CamVidDataset'},
    ],
)
def test_baseline_of_another_setting_is_none(tmp_path, options):
    end = options.get('train_cfg.max_iters', END)
    write_run(tmp_path / 'b', 'base', {end: 50}, **options)
    write_run(tmp_path / 'o', 'ours', {END: (53, 54)}, semi=True)
    groups = groups_of(tmp_path)
    (ours,) = (g for g in groups if g.first.name == 'ours')
    assert find_baseline(ours, groups) == (None, [])


def test_changed_settings_are_rows_of_their_own(tmp_path):
    for i, lr in enumerate((0.1, 0.2, 0.2)):
        write_run(
            tmp_path / str(i),
            'base',
            {END: 50 + i},
            seed=i,
            **{'optim_wrapper.optimizer.lr': lr},
        )
    first, second = groups_of(tmp_path)
    assert first.label == 'base [optim_wrapper.optimizer.lr=0.1]'
    assert second.label == 'base [optim_wrapper.optimizer.lr=0.2]'
    assert score(second.runs, 'student', 'mIoU').mean == 51.5
    assert score(first.runs, 'student', 'mIoU').std is None


def test_a_list_of_numbers_is_one_difference(tmp_path):
    key = 'model.decode_head.loss_decode.class_weight'
    write_run(tmp_path / 'a', 'base', {END: 50}, seed=0)
    write_run(tmp_path / 'b', 'base', {END: 52}, seed=0, **{key: [0.5, 2.0]})
    labels = sorted(group.label for group in groups_of(tmp_path))
    assert labels == [f'base [{key}=[0.5, 2.0]]', f'base [{key}=unset]']


def test_machine_and_number_of_processes_do_not_split_a_row(tmp_path):
    source = 'train_dataloader.dataset.datasets.0'
    write_run(tmp_path / 'a', 'base', {END: 50}, seed=0)
    write_run(
        tmp_path / 'b',
        'base',
        {END: 52},
        seed=1,
        processes=2,
        **{
            'train_dataloader.batch_size': 1,
            'train_dataloader.num_workers': 3,
            f'{source}.data_root': '/mnt/elsewhere/root',
            'launcher': 'slurm',
        },
    )
    (group,) = groups_of(tmp_path)
    assert score(group.runs, 'student', 'mIoU').mean == 51


def test_batch_norms_of_all_processes_are_those_of_one(tmp_path):
    on_cpu = {'sync_bn': None, 'model_wrapper_cfg': dict(sync_bn=True)}
    two = {'processes': 2, 'train_dataloader.batch_size': 1}
    variants = [{'sync_bn': None}, {'sync_bn': 'torch'}, {**two, **on_cpu}]
    for i, options in enumerate(variants):
        write_run(
            tmp_path / str(i), 'cityscapes_1-8', {END: i}, seed=i, **options
        )
    (group,) = groups_of(tmp_path)
    assert len(group.runs) == 3
    assert group.repeats_paper
    # Each process with statistics of its own.
    options = {**two, 'sync_bn': None}
    write_run(tmp_path / '3', 'cityscapes_1-8', {END: 3}, seed=3, **options)
    assert sorted(len(group.runs) for group in groups_of(tmp_path)) == [1, 3]


def test_half_the_batch_is_not_the_paper(tmp_path):
    write_run(
        tmp_path,
        'cityscapes_1-8',
        {END: 50},
        **{'train_dataloader.batch_size': 1},
    )
    (group,) = groups_of(tmp_path)
    assert not group.repeats_paper
    assert group.deviation == ('labeled images an iteration 1, in the paper 2')


def test_settings_unlike_the_shipped_config_are_not_the_paper(tmp_path):
    threshold = {'model.unsup_loss.threshold': 0.5}
    for name, options in (('a', {}), ('b', threshold)):
        write_run(
            tmp_path / name, 'cowmix', {END: (1, 2)}, semi=True, **options
        )
    first, second = (groups_of(tmp_path / name)[0] for name in 'ab')
    assert first.repeats_paper
    assert second.deviation.startswith('model.unsup_loss.threshold=0.5')


def test_two_runs_of_a_seed_are_refused(tmp_path):
    for name in ('a', 'b'):
        write_run(tmp_path / name, 'base', {END: 50})
    with pytest.raises(ValueError, match='same experiment and seed') as error:
        groups_of(tmp_path)
    assert f'{tmp_path / "a"} and {tmp_path / "b"}' in str(error.value)
