"""Files that are whole or not there."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend


class AtomicLocalBackend(LocalBackend):
    """Local storage whose writes a kill or a full disk cannot cut short.

    A file is written under a temporary name beside its place, flushed to the
    disk, and renamed. Select it with
    ``backend_args=dict(backend='atomic_local')``, for example in
    ``default_hooks.checkpoint``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes.

        Args:
            obj: Content of the file.
            filepath: Where to write; missing folders are made.

        Raises:
            OSError: If it cannot be written; an older file stays as it was.
        """
        path = Path(filepath)
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
