"""Random numbers that follow from a key, and leave no trace."""

import random

import numpy as np
import pytest
import torch

from mmseg_classmix.mixing.seeding import derive_seed, seeded


def draw() -> tuple:
    """One number of every generator."""
    return random.random(), np.random.rand(), torch.rand(1).item()


def drawn_in_block(*key: int) -> tuple:
    with seeded('test', *key):
        return draw()


def test_a_seed_is_an_integer_of_32_bits():
    for key in ((0,), (1, 2, 3), (2**31, 7, 10**6)):
        seed = derive_seed('test', *key)
        assert type(seed) is int
        assert 0 <= seed < 2**32


def test_the_same_key_gives_the_same_seed():
    assert derive_seed('test', 5, 1, 900) == derive_seed('test', 5, 1, 900)


def test_purpose_and_length_of_a_key_count():
    keys = [('a', 1), ('a', 1, 0), ('a', 1, 0, 0), ('b', 1), ('a', 2**32)]
    keys += [('a', 0, 1), ('a',), ('a', 0), ('aa', 1), ('', 1)]
    assert len({derive_seed(*key) for key in keys}) == len(keys)


def test_seeds_of_ranks_and_iterations_differ():
    seeds = {
        derive_seed('test', seed, rank, iteration)
        for seed in range(4)
        for rank in range(4)
        for iteration in range(200)
    }
    assert len(seeds) == 4 * 4 * 200


def test_the_order_of_a_key_matters():
    assert derive_seed('test', 1, 2, 3) != derive_seed('test', 3, 2, 1)


def test_neighboring_seeds_are_not_neighbors():
    seeds = np.array([derive_seed('test', 0, 0, i) for i in range(100)])
    assert np.abs(np.diff(seeds)).min() > 1000


@pytest.mark.parametrize('key', [(-1,), (3, -2)])
def test_negative_keys_are_refused(key):
    with pytest.raises(ValueError):
        derive_seed('test', *key)


def test_the_same_key_gives_the_same_numbers():
    assert drawn_in_block(3, 4) == drawn_in_block(3, 4)


def test_other_keys_give_other_numbers_of_every_generator():
    first, second = drawn_in_block(3, 4), drawn_in_block(3, 5)
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_numbers_do_not_depend_on_those_drawn_before():
    first = drawn_in_block(8)
    draw()
    assert drawn_in_block(8) == first


def numbers_after(block) -> tuple:
    random.seed(1)
    np.random.seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        draw()
        block()
        return draw()


def test_the_generators_continue_as_if_nothing_had_happened():
    assert numbers_after(lambda: drawn_in_block(3)) == numbers_after(
        lambda: None
    )


def test_the_generators_are_restored_after_an_error():
    def fail():
        with pytest.raises(KeyError), seeded('test', 3):
            draw()
            raise KeyError

    assert numbers_after(fail) == numbers_after(lambda: None)


def test_blocks_may_be_nested():
    with seeded('test', 1):
        first = draw()
        drawn_in_block(2)
        second = draw()
    with seeded('test', 1):
        assert (first, second) == (draw(), draw())
