"""Import yapf beside other processes that do so for the first time."""

import time
from pickle import UnpicklingError


def import_yapf(tries: int = 20, seconds: float = 0.25) -> None:
    """Import yapf, with which mmengine lays configs out.

    The first process of a user writes yapf's tables to a cache, and those
    that start at the same time, such as the ranks of a training, could read
    half a file: they try again, which ends in a RuntimeError.
    """
    for left in reversed(range(tries)):
        try:
            import yapf.yapflib.yapf_api  # noqa: F401
        except (EOFError, UnpicklingError) as error:
            if not left:
                raise RuntimeError(
                    'yapf cannot read its cache (~/.cache/YAPF on Linux, '
                    '$XDG_CACHE_HOME/YAPF if that is set): perhaps a process '
                    'was killed while it wrote it; remove that folder'
                ) from error
            time.sleep(seconds)
        else:
            return
