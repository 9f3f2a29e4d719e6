"""Splits of any names and counts, and the streams that are drawn of them."""

import tempfile
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from pathlib import Path

import mmengine
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_inputs import quick
from torch.utils.data import ConcatDataset

from mmseg_classmix.datasets import MultiSourceSampler
from mmseg_classmix.datasets.splits import (
    check_names,
    hash_order,
    order_by_index_list,
    share_of,
    split_names,
    write_list,
)

# Any text that may be the name of a file, the strange ones too.
TEXTS = st.text(
    st.characters(exclude_characters='\0/'), min_size=1, max_size=8
)
# Those that a list would lose, more often than by chance.
LOST = st.sampled_from(['a\nb', ' a', 'a\r', '\x85a', 'a\u2028b', '\udcff'])
NAMES = st.lists(TEXTS | LOST, min_size=2, max_size=12, unique=True)
INTEGERS = st.integers(-5, 2**40)


def listable(name):
    try:
        check_names([name])
    except ValueError:
        return False
    return True


PLAIN_NAMES = st.lists(
    st.text(st.characters(codec='utf-8'), min_size=1, max_size=8).filter(
        listable
    ),
    min_size=2,
    max_size=12,
    unique=True,
)


@quick
@given(PLAIN_NAMES, INTEGERS, st.data())
def test_parts_are_disjoint_complete_nested_and_of_the_size(names, seed, data):
    order = hash_order(names, seed)
    # The order of the folder does not matter.
    shuffled = data.draw(st.permutations(names))
    assert hash_order(shuffled, seed) == order
    counts = st.integers(1, len(names) - 1)
    small, large = sorted((data.draw(counts), data.draw(counts)))
    parts = {n: split_names(order, n) for n in (small, large)}
    for count, (labeled, unlabeled) in parts.items():
        assert len(labeled) == count
        assert sorted(labeled + unlabeled) == sorted(names)
        assert labeled == sorted(labeled) and unlabeled == sorted(unlabeled)
    assert set(parts[small][0]) <= set(parts[large][0])


@quick
@given(PLAIN_NAMES, INTEGERS)
def test_a_new_image_moves_no_other(names, seed):
    new, *old = names
    order = hash_order(names, seed)
    order.remove(new)
    assert order == hash_order(old, seed)


@quick
@given(PLAIN_NAMES, st.integers(-9, 20))
def test_empty_parts_are_refused(names, count):
    if 0 < count < len(names):
        return
    with pytest.raises(ValueError, match=f'{count} labeled of {len(names)}'):
        split_names(names, count)


@quick
@given(NAMES)
def test_a_list_is_read_as_it_was_written_or_refused(names):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'list.txt')
        for name in names:
            if listable(name):
                continue
            # For a reason: as text, a list would lose or not hold it.
            with pytest.raises(ValueError, match='cannot be in a list'):
                check_names([name])
        kept = [name for name in names if listable(name)]
        write_list(path, kept, overwrite=False)
        lines = mmengine.list_from_file(str(path))
        # What BaseSegDataset and UnlabeledDataset do to a line.
        assert [line.strip() for line in lines] == kept
        # And what --names does.
        if kept:
            indices = Path(folder, 'indices.npy')
            np.save(indices, np.arange(len(kept))[::-1])
            order, _ = order_by_index_list(kept, indices, path)
            assert order == kept[::-1]


@quick
@given(st.integers(1, 20_000), st.fractions(0, 1, max_denominator=200))
def test_fractions_are_rounded_half_up(total, fraction):
    exact = Decimal(fraction.numerator) * total / fraction.denominator
    assert share_of(fraction, total) == exact.to_integral_value(ROUND_HALF_UP)


@st.composite
def streams(draw):
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    ratio = [draw(st.integers(1, 3)) for _ in sizes]
    unit, world = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    return sizes, ratio, unit, world, draw(st.integers(0, 2**40))


def take(sampler, batches):
    flat = [int(i) for i in islice(sampler, batches * sampler.batch_size)]
    return np.array(flat).reshape(batches, -1)


@quick
@given(streams(), st.integers(0, 20))
def test_streams_do_not_depend_on_processes_and_miss_no_image(case, skipped):
    sizes, ratio, unit, world, seed = case
    dataset = ConcatDataset([list(range(n)) for n in sizes])
    whole = MultiSourceSampler(
        dataset, unit * world * sum(ratio), ratio, seed=seed
    )
    batches = take(whole, 12)
    ranks = []
    for rank in range(world):
        own = MultiSourceSampler(dataset, unit * sum(ratio), ratio, seed=seed)
        own.rank, own.world_size = rank, world
        own.skip(skipped * own.batch_size)
        ranks.append(take(own, 12))
    whole.skip(skipped * whole.batch_size)
    later = take(whole, 12)
    start, first = 0, 0
    for source, (size, part) in enumerate(zip(sizes, ratio, strict=True)):
        width = part * unit
        columns = slice(start, start + width * world)
        joined = [r[:, start // world : start // world + width] for r in ranks]
        np.testing.assert_array_equal(
            np.concatenate(joined, 1), later[:, columns]
        )
        stream = batches[:, columns].ravel() - first
        assert ((stream >= 0) & (stream < size)).all(), source
        for at in range(0, len(stream) - size + 1, size):
            assert sorted(stream[at : at + size]) == list(range(size))
        start, first = start + width * world, first + size
