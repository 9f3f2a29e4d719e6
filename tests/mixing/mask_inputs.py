"""What the tests of the masks draw from."""

import torch
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**31)
SIDES = st.integers(1, 12)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_label(
    shape: tuple, low: int, high: int, seed: int = 0
) -> torch.Tensor:
    return torch.randint(low, high, shape, generator=generator(seed))
