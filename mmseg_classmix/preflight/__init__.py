"""Everything that is checked before the first iteration."""

# Each registers its checks.
from mmseg_classmix.preflight import (  # noqa: F401
    checkpoint,
    data,
    model,
    settings,
    streams,
)
from mmseg_classmix.preflight.from_config import (
    check_config,
    problems_beside,
)
from mmseg_classmix.preflight.hook import PreflightHook
from mmseg_classmix.preflight.problem import PreflightError, Problem

__all__ = [
    'PreflightError',
    'PreflightHook',
    'Problem',
    'check_config',
    'problems_beside',
]
