"""File backends, and weights published by others."""

from mmseg_classmix.fileio.atomic_backend import AtomicLocalBackend
from mmseg_classmix.fileio.weights_file import check_named_hash, read_weights

__all__ = ['AtomicLocalBackend', 'check_named_hash', 'read_weights']
