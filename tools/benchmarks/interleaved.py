"""Times of several ways to do one thing, taken in turns.

Turns, because the speed of a machine changes while it is measured: a ratio of
times from one run is worth more than the times.
"""

from collections.abc import Callable

from torch.utils.benchmark import Measurement, Timer


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
    timers = {
        name: Timer('side()', globals=dict(side=side), num_threads=threads)
        for name, side in sides.items()
    }
    taken = {name: [] for name in sides}
    for timer in timers.values():
        timer.timeit(1)
    for _ in range(rounds):
        for name, timer in timers.items():
            taken[name].append(timer.timeit(1))
    return {name: Measurement.merge(some)[0] for name, some in taken.items()}


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
