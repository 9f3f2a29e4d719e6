"""Files that are whole or not there."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmseg_classmix.checkpoints.work_dir import free_space

TRAINING = (
    'So are earlier checkpoints: make room or choose another --work-dir, and '
    'continue with --resume'
)


class AtomicLocalBackend(LocalBackend):
    """Local storage whose writes a kill or a full disk cannot cut short.

    A file is written under a temporary name beside its place, flushed to the
    disk, and renamed. Select it with
    ``backend_args=dict(backend='atomic_local')``, for example in
    ``default_hooks.checkpoint``.

    Args:
        advice: Way out if a file cannot be written, for the error; by default
            that of a training.
    """

    def __init__(self, advice: str = TRAINING) -> None:
        self.advice = advice

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes.

        Args:
            obj: Content of the file.
            filepath: Where to write; missing folders are made.

        Raises:
            OSError: If it cannot be written; an older file stays as it was.
                It names the path and the free space.
        """
        path = Path(filepath)
        try:
            self._replace(path, obj)
        except OSError as error:
            raise OSError(
                error.errno,
                f'cannot write {path} ({len(obj) / 1e6:.1f} MB, '
                f'{free_space(path)}): {error.strerror}. An older file of '
                f'that name is as it was. {self.advice}',
            ) from error

    @staticmethod
    def _replace(path: Path, obj: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One name: what a kill leaves behind, the next write replaces.
        temporary = path.with_name(f'.{path.name}.tmp')
        try:
            with open(temporary, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def put_text(
        self, obj: str, filepath: str | Path, encoding: str = 'utf-8'
    ) -> None:
        """Write text; see :meth:`put`."""
        self.put(obj.encode(encoding), filepath)


register_backend('atomic_local', AtomicLocalBackend, force=True)
