"""Work that threads do ahead, while something else is computed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def ahead(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int
) -> Iterator[Any]:
    """Map in threads, in order, with a bounded number of items in memory.

    ``items`` is consumed by the calling thread: it may be a generator that
    computes, so that calls can be chained.

    Args:
        function: Called in a thread.
        items: Its arguments; twice as many as workers are taken in advance.
        workers: Number of threads; 0 calls the function in this one.

    Yields:
        Results, in the order of ``items``. An error of ``function`` is
        raised where its result would come.
    """
    if workers == 0:
        yield from map(function, items)
        return
    waiting = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
