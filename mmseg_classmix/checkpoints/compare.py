"""Does a state dict fit a network? Names and shapes of its tensors."""

from dataclasses import dataclass
from typing import Any

from torch import nn

#: Networks of a mean teacher, which start the names of its tensors.
NETWORKS = ('student', 'teacher')
STARTS = tuple(f'{name}.' for name in NETWORKS)
COMPILED, PARALLEL = '_orig_mod.', 'module.'
Shape = tuple[int, ...]


@dataclass
class Misfit:
    """What of a state dict does not fit a network.

    Attributes:
        wrong: Shape found and shape needed of each such tensor; None for one
            that is missing, or that the network does not have.
        total: Number of tensors that are compared.
        found: Shapes of the whole state dict.
    """

    wrong: dict[str, tuple[Shape | None, Shape | None]]
    total: int
    found: dict[str, Shape]

    def __str__(self) -> str:
        """Say how many tensors are wrong, and what is, of three."""
        some = '; '.join(
            f'{key} is {"missing" if found is None else found}, '
            f'needs {"none" if needed is None else needed}'
            for key, (found, needed) in list(self.wrong.items())[:3]
        )
        return (
            f'{len(self.wrong)} of {self.total} tensors are missing or of '
            f'another shape: {some}'
        )


def compare(
    state: dict[str, Any],
    network: nn.Module,
    prefix: str | None = None,
    exact: bool = False,
) -> Misfit | None:
    """Compare names and shapes, of tensors on any device.

    What a state dict has beyond the network is no misfit, such as a teacher,
    nor is a missing ``num_batches_tracked``: older checkpoints have none. A
    plain state dict is compared with each network of a mean teacher.

    Args:
        state: A ``state_dict``; what is no tensor in it is left out, and the
            names of wrappers are taken off.
        network: A network, not wrapped.
        prefix: Start of the names that are meant, with or without its dot.
        exact: Whether all tensors count, those of ``state`` too, as they do
            for a run that continues.

    Returns:
        What does not fit, or None.
    """
    if prefix:
        start = prefix.rstrip('.') + '.'
        state = {
            key.removeprefix(start): value
            for key, value in state.items()
            if key.startswith(start)
        }
    found, needed = _shapes(state), _shapes(network.state_dict())
    if not exact:
        if is_plain(found) and not is_plain(needed):
            needed = {
                key.removeprefix(STARTS[0]): shape
                for key, shape in needed.items()
                if key.startswith(STARTS[0])
            }
        needed = {
            key: shape
            for key, shape in needed.items()
            if not key.endswith('num_batches_tracked')
        }
    names = {**needed, **found} if exact else needed
    wrong = {
        key: (found.get(key), needed.get(key))
        for key in names
        if found.get(key) != needed.get(key)
    }
    return Misfit(wrong, len(names), found) if wrong else None


def is_plain(state: dict[str, Any]) -> bool:
    """Whether a state dict is of one network, not of student and teacher."""
    return not any(key.startswith(STARTS) for key in state)


def without_wrappers(state: dict[str, Any]) -> dict[str, Any]:
    """Take off what compiled and data parallel models add to names."""
    return {
        key.replace(COMPILED, '').removeprefix(PARALLEL): value
        for key, value in state.items()
    }


def _shapes(state: dict[str, Any]) -> dict[str, Shape]:
    return {
        key: tuple(value.shape)
        for key, value in without_wrappers(state).items()
        if hasattr(value, 'shape')
    }
