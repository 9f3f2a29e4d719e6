"""A log without one warning for every frozen parameter."""

import logging

from mmengine.logging import MMLogger


class FrozenParamFilter(logging.Filter):
    """Drop the optimizer constructor's warning about frozen parameters.

    mmengine prints one for each parameter that has requires_grad=False. A
    teacher has hundreds, all frozen on purpose.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record but these warnings."""
        return 'skipped since its requires_grad=False' not in str(record.msg)

    def __eq__(self, other: object) -> bool:
        """Let the logger take the filter once only."""
        return isinstance(other, FrozenParamFilter)

    def __hash__(self) -> int:
        """Hash like any other filter of this class."""
        return hash(FrozenParamFilter)


def hide_frozen_param_warnings() -> None:
    """Filter the current logger of mmengine."""
    MMLogger.get_current_instance().addFilter(FrozenParamFilter())
