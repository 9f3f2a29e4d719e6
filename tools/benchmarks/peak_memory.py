"""How much memory a function takes beyond what is there already."""

import os
import resource
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

MIB = 2**20


def peak_in_child(side: Callable[[], object], device: str) -> float:
    """Peak of two calls in MiB, above what was in memory before them.

    The second call finds what the first has left, such as gradients. On the
    CPU: resident memory of a forked process (Linux), since the peak of a
    process never falls. On a GPU: what torch has allocated.

    Args:
        side: What to call.
        device: 'cpu' or 'cuda'.
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
