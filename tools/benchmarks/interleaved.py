"""Times of several ways to do one thing, taken in turns.

Turns, because the speed of a machine changes while it is measured: a ratio of
times from one run is worth more than the times.
"""

from collections.abc import Callable

import torch
from torch.utils.benchmark import Measurement, TaskSpec, timer


def measure(
    sides: dict[str, Callable[[], object]], rounds: int, threads: int
) -> dict[str, Measurement]:
    """Run every side once a round, after one round that does not count.

    Args:
        sides: What to measure, by name. CUDA is waited for.
        rounds: Number of rounds, at least 1.
        threads: Threads of torch on the CPU.

    Returns:
        Times of every side in seconds: ``median``, ``iqr``.
    """
    taken = {name: [] for name in sides}
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    for number in range(rounds + 1):
        for name, side in sides.items():
            # Timer.timeit(1) would run it three times.
            start = timer()
            side()
            seconds = timer() - start
            if number > 0:
                taken[name].append(seconds)
    torch.set_num_threads(before)
    return {
        name: Measurement(1, seconds, TaskSpec(name, '', num_threads=threads))
        for name, seconds in taken.items()
    }


def report(results: dict[str, Measurement], unit: str) -> list[str]:
    """Write a Markdown table; ratios are to one of the sides.

    Args:
        results: As from :func:`measure`.
        unit: Name of the side that counts as 1.

    Returns:
        Lines: median, spread (interquartile range) and ratio of every side.
    """
    base = results[unit].median
    lines = ['| | median (ms) | spread (ms) | ratio |', '|---|---|---|---|']
    for name, result in results.items():
        lines.append(
            f'| {name} | {1e3 * result.median:.2f} | {1e3 * result.iqr:.2f} '
            f'| {result.median / base:.3f} |'
        )
    return lines
