"""A folder that can be written, known before the first iteration."""

import os
import shutil
import tempfile


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
        with tempfile.NamedTemporaryFile(
            dir=folder, prefix='.write_test_'
        ) as f:
            f.write(b'\0')
            f.flush()
    except OSError as error:
        raise OSError(
            error.errno,
            f'cannot write into {key}={folder!r} ({error.strerror}; '
            f'{free_space(folder)}): choose another folder with '
            '--work-dir, or change its permissions',
        ) from error


def free_space(path: str) -> str:
    """Free space of the file system that a path is on or would be on.

    Args:
        path: A path; it need not exist.

    Returns:
        Such as '12.3 MB free'.
    """
    path = os.path.abspath(path)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return f'{shutil.disk_usage(path).free / 1e6:.1f} MB free'
