"""Files that are whole or not there, and folders that take them."""

import os
import shutil
import tempfile
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

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
                f'{_free_space(path)}): {error.strerror}. An older file of '
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


def check_writable(folder: str, key: str = 'work_dir') -> None:
    """Write a byte into a folder, which is made if it is missing.

    Args:
        folder: Where logs and checkpoints will go.
        key: Its config key, for the error.

    Raises:
        OSError: If nothing can be written there.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b'\0')
            file.flush()
    except OSError as error:
        raise OSError(
            error.errno,
            f'cannot write into {key}={folder!r} ({error.strerror}; '
            f'{_free_space(folder)}): choose another folder with '
            '--work-dir, or change its permissions',
        ) from error


def _free_space(path: str | Path) -> str:
    """Free space of the file system that a path is on or would be on."""
    path = os.path.abspath(path)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return f'{shutil.disk_usage(path).free / 1e6:.1f} MB free'
