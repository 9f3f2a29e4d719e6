"""Random numbers that follow from a key."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*key: int) -> int:
    """Hash non-negative integers, such as (seed, rank, iteration), to 32 bits.

    Args:
        key: What the random numbers follow from.

    Returns:
        A seed in [0, 2**32).
    """
    return int(np.random.SeedSequence(key).generate_state(1)[0])


@contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Seed random, numpy and torch (CPU) inside the block, restore after it.

    Args:
        key: Non-negative integers, see :func:`derive_seed`.
    """
    seed = derive_seed(*key)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    # torch.manual_seed would also seed, and not restore, the accelerators.
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
