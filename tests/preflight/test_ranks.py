"""Ranks that would not train the same thing say so, all of them."""

import shutil

import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset
from mmseg.datasets import BaseSegDataset
from ranks import run_ranks
from support import tiny_config

from mmseg_classmix.datasets import MultiSourceDataset, UnlabeledDataset
from mmseg_classmix.distributed import prepare_distributed
from mmseg_classmix.distributed.process_group import start_process_group
from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.preflight import PreflightError
from mmseg_classmix.preflight.ranks import compare_data


def disagreement(compare, *arguments, ranks=3):
    """The one problem that compare(arguments[rank]) yields on all, or None."""

    def work(rank):
        start_process_group(Config(dict(launcher='pytorch')))
        return list(compare(arguments[rank]))

    outcomes = run_ranks(work, ranks=ranks)
    assert outcomes.count(outcomes[0]) == ranks, outcomes
    if not outcomes[0]:
        return None
    (problem,) = outcomes[0]
    return f'{problem.found} {problem.remedy}'


def write_images(root, names):
    for kind in ('images', 'masks'):
        (root / kind).mkdir(parents=True)
        for name in names:
            (root / kind / f'{name}.png').write_bytes(b'not empty')
    (root / 'list.txt').write_text(''.join(f'{n}\n' for n in names))
    return root


def labeled(root, **options):
    return BaseSegDataset(
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=dict(classes=('a', 'b')),
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        ann_file='list.txt',
        **options,
    )


@pytest.mark.parametrize('options', [{}, dict(serialize_data=False)])
def test_another_order_names_source_and_first_sample(tmp_path, options):
    roots = [
        write_images(tmp_path / 'a', ['x', 'y', 'z']),
        write_images(tmp_path / 'b', ['x', 'z', 'y']),
    ]
    unlabeled = UnlabeledDataset(
        data_root=str(roots[0]), data_prefix=dict(img_path='images')
    )
    sources = [
        MultiSourceDataset([labeled(root, **options), unlabeled])
        for root in roots
    ]
    message = disagreement(
        lambda data: compare_data('train_dataloader.dataset', data),
        *sources,
        ranks=2,
    )
    assert 'sample 1 of train_dataloader.dataset.datasets[0] ' in message
    first, second = message.index("('y.png', 'y.png')"), message.index("'z.p")
    assert first < message.index('rank 0 (') < second
    assert second < message.index('rank 1 (')


def test_a_shorter_list_names_what_is_missing(tmp_path):
    long = write_images(tmp_path / 'a', ['x', 'y', 'z'])
    short = write_images(tmp_path / 'b', ['x', 'y'])
    sources = [
        ConcatDataset([labeled(long), labeled(root)])
        for root in (long, long, short)
    ]
    message = disagreement(lambda data: compare_data('d', data), *sources)
    assert 'sample 2 of d.datasets[1] (BaseSegDataset)' in message
    assert "('z.png', 'z.png') on rank 0" in message
    assert 'missing on rank 2' in message


def test_the_same_list_may_lie_in_another_folder(tmp_path):
    here = write_images(tmp_path / 'here' / 'data', ['x', 'y'])
    there = tmp_path / 'there' / 'also' / 'data'
    shutil.copytree(here, there)
    for make in (
        labeled,
        lambda root: UnlabeledDataset(
            data_root=str(root), data_prefix=dict(img_path='images')
        ),
    ):
        sources = make(here), make(there)
        check = disagreement(
            lambda data: compare_data('d', data), *sources, ranks=2
        )
        assert check is None


def train_with_split(rank, work_dir, roots):
    data_root = 'train_dataloader.dataset.datasets.0.data_root'
    half = 'train_dataloader.batch_size', 'train_dataloader.sampler.batch_size'
    cfg = tiny_config(
        work_dir, **dict.fromkeys(half, 2), **{data_root: str(roots[rank])}
    )
    cfg.launcher = 'pytorch'
    prepare_distributed(cfg)
    ClassMixRunner.from_cfg(cfg).train()


def test_another_split_stops_a_run_before_its_first_iteration(
    tmp_path, tiny_data
):
    other = tmp_path / 'other' / tiny_data.name
    shutil.copytree(tiny_data, other)
    (other / 'labeled.txt').write_text('im_0\nim_2\nim_1\nim_3\n')
    work_dir = tmp_path / 'run'
    errors = run_ranks(train_with_split, work_dir, [tiny_data, other])
    assert [type(error) for error in errors] == [PreflightError] * 2
    assert str(errors[0]) == str(errors[1])
    for word in ('sample 1 of train_dataloader.dataset.datasets[0]', 'im_2'):
        assert word in str(errors[0])
    (log,) = work_dir.glob('*/*.log')
    assert 'Iter(train)' not in log.read_text()


def test_all_ranks_say_what_one_has_found(tmp_path, tiny_data):
    other = tmp_path / 'other' / tiny_data.name
    shutil.copytree(tiny_data, other)
    # The second of the list: the share of rank 1, whose disk it is on.
    (other / 'masks' / 'train' / 'im_1.png').write_bytes(b'')
    roots = [tiny_data, other]
    errors = run_ranks(train_with_split, tmp_path / 'run', roots)
    assert str(errors[0]) == str(errors[1])
    for word in ('im_1.png', 'is empty', 'on rank 1'):
        assert word in str(errors[0])
