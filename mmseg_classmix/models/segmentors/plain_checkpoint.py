"""Checkpoints of one network, for a student and its teacher."""

from mmseg_classmix.checkpoints.compare import NETWORKS


def spread_checkpoint(state_dict: dict, prefix: str) -> bool:
    """Give a plain mmseg checkpoint to both networks.

    Args:
        state_dict: Tensors by name; changed in place, unless there are
            networks in it already.
        prefix: Start of the names of the segmentor's own tensors.

    Returns:
        Whether the checkpoint has a teacher of its own.
    """
    own = [key for key in state_dict if key.startswith(prefix)]
    parts = tuple(f'{prefix}{name}.' for name in NETWORKS)
    if any(key.startswith(parts) for key in own):
        return any(key.startswith(parts[1]) for key in own)
    for key in own:
        value = state_dict.pop(key)
        for part in parts:
            state_dict[part + key[len(prefix) :]] = value
    return False
