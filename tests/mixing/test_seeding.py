"""Random numbers that follow from a key, and leave no trace."""

import random

import numpy as np
import pytest
import torch

from mmseg_classmix.mixing.seeding import derive_seed, seeded


def draw():
    """One number of every generator."""
    return random.random(), np.random.rand(), torch.rand(1).item()


def drawn_in_block(*key):
    with seeded('test', *key):
        return draw()


def test_purpose_order_and_length_of_a_key_count():
    keys = [('a', 1), ('a', 1, 0), ('a', 1, 0, 0), ('b', 1), ('a', 2**32)]
    keys += [('a', 0, 1), ('a',), ('a', 0), ('aa', 1), ('', 1)]
    keys += [('a', 1, 2, 3), ('a', 3, 2, 1), ('a', 2**31, 7, 10**6)]
    seeds = [derive_seed(*key) for key in keys]
    assert len(set(seeds)) == len(keys)
    assert seeds == [derive_seed(*key) for key in keys]
    assert all(type(s) is int and 0 <= s < 2**32 for s in seeds)


def test_seeds_of_ranks_and_iterations_differ():
    seeds = [
        derive_seed('test', seed, rank, iteration)
        for seed in range(4)
        for rank in range(4)
        for iteration in range(200)
    ]
    assert len(set(seeds)) == 4 * 4 * 200
    # Neighbors in the key are none in the seed.
    assert np.abs(np.diff(np.array(seeds))).min() > 1000


def test_negative_keys_are_refused():
    with pytest.raises(ValueError):
        derive_seed('test', 3, -2)


def test_numbers_follow_from_the_key_alone():
    first, other = drawn_in_block(3, 4), drawn_in_block(3, 5)
    draw()
    assert drawn_in_block(3, 4) == first
    assert all(a != b for a, b in zip(first, other, strict=True))
    with seeded('test', 3, 4):
        # Blocks may be nested.
        drawn_in_block(2)
        assert draw() == first


def numbers_after(block):
    random.seed(1)
    np.random.seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        draw()
        block()
        return draw()


def test_the_generators_continue_as_if_nothing_had_happened():
    def fail():
        with pytest.raises(KeyError), seeded('test', 3):
            draw()
            raise KeyError

    expected = numbers_after(lambda: None)
    assert numbers_after(lambda: drawn_in_block(3)) == expected
    assert numbers_after(fail) == expected
