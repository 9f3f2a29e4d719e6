"""Everything that is checked before the first iteration."""

from mmseg_classmix.preflight import (
    checkpoint,
    data,
    model,
    settings,
    streams,
)
from mmseg_classmix.preflight.from_config import check_config
from mmseg_classmix.preflight.hook import PreflightHook
from mmseg_classmix.preflight.problem import PreflightError, Problem

# The modules register their checks.
__all__ = [
    'PreflightError',
    'PreflightHook',
    'Problem',
    'check_config',
    'checkpoint',
    'data',
    'model',
    'settings',
    'streams',
]
