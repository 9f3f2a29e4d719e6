"""File backends, checkpoints, and weights published by others."""

from mmseg_classmix.checkpoints.atomic_backend import (
    AtomicLocalBackend,
    check_writable,
)
from mmseg_classmix.checkpoints.loader import (
    find_problem,
    newest_checkpoint,
    read_checkpoint,
    trust_checkpoint,
)
from mmseg_classmix.checkpoints.published_weights import (
    check_named_hash,
    read_weights,
    write_weights,
)

__all__ = [
    'AtomicLocalBackend',
    'check_named_hash',
    'check_writable',
    'find_problem',
    'newest_checkpoint',
    'read_checkpoint',
    'read_weights',
    'trust_checkpoint',
    'write_weights',
]
