"""Names and shapes of the tensors of a model or a checkpoint."""

from typing import Any


def tensor_shapes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes by name.

    Args:
        state: A ``state_dict``; what is no tensor in it is left out, and
            ``module.``, which a wrapper puts before its names, is taken off.

    Returns:
        The shape of every tensor.
    """
    return {
        key.removeprefix('module.'): tuple(value.shape)
        for key, value in state.items()
        if hasattr(value, 'shape')
    }
