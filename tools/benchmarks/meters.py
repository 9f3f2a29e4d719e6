"""Times of several ways to do one thing, taken in turns, and their memory.

Turns, because the speed of a machine changes while it is measured: a ratio of
times from one run is worth more than the times.
"""

import os
import resource
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.benchmark import Measurement, TaskSpec, timer

MIB = 2**20


def measure(
    sides: dict[str, Callable[[], object]], rounds: int, threads: int
) -> dict[str, Measurement]:
    """Run every side once a round, after one round that does not count."""
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
    """Write a Markdown table; ratios are to one of the sides."""
    base = results[unit].median
    lines = ['| | median (ms) | spread (ms) | ratio |', '|---|---|---|---|']
    for name, result in results.items():
        lines.append(
            f'| {name} | {1e3 * result.median:.2f} | {1e3 * result.iqr:.2f} '
            f'| {result.median / base:.3f} |'
        )
    return lines


def peak_in_child(side: Callable[[], object], device: str) -> float:
    """Peak of two calls in MiB, above what was in memory before them.

    The second call finds what the first has left, such as gradients. On the
    CPU: resident memory of a forked process (Linux), since the peak of a
    process never falls. On a GPU: what torch has allocated.
    """
    if device != 'cpu':
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        side()
        side()
        return (torch.cuda.max_memory_allocated() - before) / MIB
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # Threads of OpenMP do not survive a fork.
            torch.set_num_threads(1)
            before = _resident()
            side()
            side()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            os.write(writer, str(peak - before).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            # What follows in the program is for the parent.
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        raise RuntimeError('the call that was to be measured failed')
    return float(text)


def _resident() -> float:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / MIB
