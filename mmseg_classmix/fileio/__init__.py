"""File backends, checkpoints, and weights published by others."""

from mmseg_classmix.fileio.atomic_backend import AtomicLocalBackend
from mmseg_classmix.fileio.checkpoint_choice import (
    find_problem,
    newest_checkpoint,
)
from mmseg_classmix.fileio.checkpoint_loader import (
    read_checkpoint,
    trust_checkpoint,
)
from mmseg_classmix.fileio.weights_file import check_named_hash, read_weights
from mmseg_classmix.fileio.work_dir import check_writable

__all__ = [
    'AtomicLocalBackend',
    'check_named_hash',
    'check_writable',
    'find_problem',
    'newest_checkpoint',
    'read_checkpoint',
    'read_weights',
    'trust_checkpoint',
]
