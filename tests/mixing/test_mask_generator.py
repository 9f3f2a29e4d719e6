"""Masks follow their generator, and shards the global draw."""

import pytest
import torch
from mask_inputs import generator, random_label

from mmseg_classmix.mixing.masks import (
    class_mask,
    cow_mask,
    cut_mask,
)

DRAWS = {
    'class': lambda g, shard=(0, 1), n=4: class_mask(
        random_label((4, 6, 8), 0, 6).chunk(shard[1])[shard[0]],
        6,
        g,
        shard,
    ),
    'cut': lambda g, shard=(0, 1), n=4: cut_mask(
        (n, 6, 8), generator=g, shard=shard
    ),
    'cow': lambda g, shard=(0, 1), n=4: cow_mask(
        (n, 6, 8), (1, 3), generator=g, shard=shard
    ),
}


@pytest.mark.parametrize('name', DRAWS)
def test_the_same_generator_state_draws_the_same_mask(name):
    draw = DRAWS[name]
    assert torch.equal(draw(generator(1)), draw(generator(1)))
    others = [draw(generator(seed)) for seed in range(5)]
    assert any(not torch.equal(others[0], other) for other in others)


@pytest.mark.parametrize('name', DRAWS)
def test_a_generator_leaves_the_global_one_alone(name):
    before = torch.get_rng_state()
    DRAWS[name](generator(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize('name', DRAWS)
def test_without_a_generator_the_global_one_is_used(name):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        first = DRAWS[name](None)
        torch.manual_seed(7)
        assert torch.equal(first, DRAWS[name](None))


@pytest.mark.parametrize('world', [2, 4])
@pytest.mark.parametrize('name', DRAWS)
def test_shards_are_slices_of_the_global_draw(name, world):
    draw = DRAWS[name]
    whole = draw(generator(2))
    parts = [
        draw(generator(2), shard=(rank, world), n=4 // world)
        for rank in range(world)
    ]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize('name', DRAWS)
def test_every_shard_leaves_its_generator_in_the_same_state(name):
    states = []
    for rank in range(2):
        own = generator(2)
        DRAWS[name](own, shard=(rank, 2), n=2)
        states.append(own.get_state())
    assert torch.equal(*states)
