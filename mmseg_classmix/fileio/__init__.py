"""File backends."""

from mmseg_classmix.fileio.atomic_backend import AtomicLocalBackend

__all__ = ['AtomicLocalBackend']
