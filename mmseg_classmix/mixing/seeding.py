"""Random numbers that follow from a key."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(purpose: str, *key: int) -> int:
    """Hash a purpose and a key, such as (seed, rank, iteration), to 32 bits.

    The same key, of non-negative integers, gives other numbers for another
    purpose.
    """
    # SeedSequence ignores trailing zeros: the lengths keep keys apart.
    words = (len(purpose), len(key), *purpose.encode(), *key)
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def generator(
    seed: int | None, device: torch.device | str = 'cpu'
) -> torch.Generator | None:
    """Make a generator of torch; None, the global one, for no seed."""
    return None if seed is None else torch.Generator(device).manual_seed(seed)


@contextmanager
def seeded(purpose: str, *key: int) -> Iterator[None]:
    """Seed random, numpy and torch (CPU) inside the block, restore after it.

    For the arguments see :func:`derive_seed`.
    """
    seed = derive_seed(purpose, *key)
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
