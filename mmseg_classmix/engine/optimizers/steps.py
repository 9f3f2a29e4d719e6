"""Which iterations make an optimizer step."""

import torch
from mmengine.runner import Runner
from torch import Tensor


def accumulative_counts(runner: Runner) -> int:
    """Iterations that make one optimizer step.

    Args:
        runner: Runner whose optimizer is built.

    Returns:
        ``optim_wrapper.accumulative_counts``, at least 1.
    """
    return getattr(runner.optim_wrapper, '_accumulative_counts', 1)


class StepWatch:
    """See whether an optimizer steps; a gradient scaler leaves out steps.

    Nothing is read from the device before :meth:`stepped` is called, and
    then only with a fused optimizer under a gradient scaler.

    Args:
        optimizer: Optimizer to watch until :meth:`close`.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._called = False
        self._overflow: Tensor | None = None
        self._handle = optimizer.register_step_pre_hook(self._note)

    def _note(
        self, optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict
    ) -> None:
        self._called = True
        # A fused optimizer unscales, and leaves out the step, by itself.
        self._overflow = getattr(optimizer, 'found_inf', None)

    def stepped(self) -> bool:
        """Say whether there was a step since the last question."""
        called, overflow = self._called, self._overflow
        self._called, self._overflow = False, None
        return called and not (overflow is not None and bool(overflow))

    def close(self) -> None:
        """Watch no longer."""
        self._handle.remove()
