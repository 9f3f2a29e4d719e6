"""What the property tests draw: shapes, labels, holes in them."""

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# No deadline: machines are shared. The same examples in every run.
quick = settings(max_examples=60, deadline=None, derandomize=True)

SEEDS = st.integers(0, 2**31)
SHAPES = st.tuples(
    st.integers(1, 4), st.integers(1, 7), st.integers(1, 7)
)  # (N, H, W)
CLASSES = st.integers(1, 9) | st.sampled_from([19, 150, 256, 300])


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@st.composite
def labels(draw, shape, num_classes, ignore_index=255, dtype=np.int64):
    """Few classes or all, blocks or noise, any pattern of ignore."""
    some = st.lists(
        st.integers(0, num_classes - 1), min_size=1, max_size=5, unique=True
    )
    values = draw(some)
    if draw(st.booleans()):
        values.append(ignore_index)
    label = draw(hnp.arrays(np.int64, shape, elements=st.sampled_from(values)))
    kind = draw(st.sampled_from(['as it is', 'none', 'all', 'one image']))
    if kind == 'none':
        label[label == ignore_index] = values[0]
    elif kind == 'all':
        label[:] = ignore_index
    elif kind == 'one image':
        label[draw(st.integers(0, shape[0] - 1))] = ignore_index
    return label.astype(dtype)
