from collections import Counter
from itertools import islice

import pytest
from mmengine.dataset import BaseDataset, ConcatDataset

from mmseg_classmix.datasets import MultiSourceSampler


class Numbers(BaseDataset):
    """Data set of n numbers."""

    def __init__(self, n):
        self.n = n
        super().__init__()

    def load_data_list(self):
        return [dict(value=i) for i in range(self.n)]


@pytest.fixture
def dataset():
    return ConcatDataset([Numbers(5), Numbers(12)])


def take(sampler, batches):
    flat = list(islice(iter(sampler), batches * sampler.batch_size))
    size = sampler.batch_size
    return [flat[i : i + size] for i in range(0, len(flat), size)]


def of_rank(dataset, rank, world_size, batch_size, **kwargs):
    sampler = MultiSourceSampler(dataset, batch_size, [1, 1], **kwargs)
    # What get_dist_info says in a real group; see test_distributed.
    sampler.rank, sampler.world_size = rank, world_size
    return sampler


def test_batches_keep_the_ratio_labeled_first(dataset):
    sampler = MultiSourceSampler(dataset, 6, [1, 2], seed=0)
    for batch in take(sampler, 20):
        assert all(i < 5 for i in batch[:2])
        assert all(5 <= i < 17 for i in batch[2:])


def test_a_source_is_finished_before_it_repeats(dataset):
    sampler = MultiSourceSampler(dataset, 2, [1, 1], seed=0)
    labeled = [batch[0] for batch in take(sampler, 15)]
    unlabeled = [batch[1] for batch in take(sampler, 24)]
    for start in (0, 5, 10):
        assert sorted(labeled[start : start + 5]) == list(range(5))
    assert sorted(unlabeled[:12]) == sorted(unlabeled[12:])
    assert unlabeled[:12] != unlabeled[12:]


def test_seed_decides_the_order(dataset):
    first, same, other = (
        take(MultiSourceSampler(dataset, 4, [1, 1], seed=seed), 10)
        for seed in (1, 1, 2)
    )
    assert first == same != other


def test_without_shuffle_the_order_is_that_of_the_data(dataset):
    sampler = MultiSourceSampler(dataset, 4, [1, 1], shuffle=False, seed=0)
    assert take(sampler, 3) == [[0, 1, 5, 6], [2, 3, 7, 8], [4, 0, 9, 10]]


@pytest.mark.parametrize('skipped', [0, 7])
def test_skip_continues_where_the_stream_was(dataset, skipped):
    whole = take(MultiSourceSampler(dataset, 4, [1, 1], seed=3), skipped + 5)
    sampler = MultiSourceSampler(dataset, 4, [1, 1], seed=3)
    sampler.skip(skipped * 4)
    rest = take(sampler, 5)
    assert rest == whole[skipped:]
    assert [[i.key for i in b] for b in rest] == [
        [i.key for i in b] for b in whole[skipped:]
    ]


def test_ranks_share_the_global_batch_of_one_process(dataset):
    one = take(of_rank(dataset, 0, 1, 8, seed=4), 6)
    ranks = [take(of_rank(dataset, r, 2, 4, seed=4), 6) for r in (0, 1)]
    for whole, first, second in zip(one, *ranks, strict=True):
        labeled, unlabeled = first[:2] + second[:2], first[2:] + second[2:]
        assert whole == labeled + unlabeled


def test_every_draw_has_its_own_key(dataset):
    sampler = MultiSourceSampler(dataset, 4, [1, 1], seed=5)
    keys = Counter(i.key for batch in take(sampler, 50) for i in batch)
    assert set(keys.values()) == {1}


def test_labeled_stream_does_not_depend_on_the_unlabeled_one(dataset):
    alone = MultiSourceSampler(ConcatDataset([Numbers(5)]), 2, [1], seed=6)
    both = MultiSourceSampler(dataset, 4, [1, 1], seed=6)
    labeled = [batch[:2] for batch in take(both, 20)]
    assert take(alone, 20) == labeled
    assert [i.key for b in take(alone, 20) for i in b] == [
        i.key for b in labeled for i in b
    ]


def test_skip_of_half_a_batch_is_refused(dataset):
    sampler = MultiSourceSampler(dataset, 4, [1, 1], seed=0)
    with pytest.raises(ValueError, match='cannot skip 3 samples'):
        sampler.skip(3)


def test_dataset_of_one_piece_is_refused():
    with pytest.raises(TypeError, match='MultiSourceDataset'):
        MultiSourceSampler(Numbers(3), 2, [1, 1])
