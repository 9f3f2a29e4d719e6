"""A log without one warning for every frozen parameter."""

import logging

from mmengine.logging import MMLogger


def hide_frozen_param_warnings() -> None:
    """Filter the current logger of mmengine.

    Its optimizer constructor warns of each parameter that has
    requires_grad=False. A teacher has hundreds, all frozen on purpose.
    """
    # A logger takes the same function once only.
    MMLogger.get_current_instance().addFilter(_is_wanted)


def _is_wanted(record: logging.LogRecord) -> bool:
    return 'skipped since its requires_grad=False' not in str(record.msg)
