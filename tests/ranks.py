"""Several ranks of a run, forked from the test process."""

import multiprocessing
import os
import time
from multiprocessing.connection import wait

from torch.distributed.elastic.utils.distributed import get_free_port

SECONDS = 180
# What the others have once a rank has failed: they may wait for it for ever.
SECONDS_AFTER_A_FAILURE = 30


def set_rank(rank, ranks, port):
    """Set what a launcher sets."""
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(ranks),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )


def run_ranks(function, *args, ranks=2, present=None):
    """Call function(rank, *args) in every rank.

    Args:
        function: What a rank does.
        args: Its further arguments.
        ranks: Number of ranks that the environment speaks of.
        present: Those that are started; all by default.

    Returns:
        What each has returned or raised; None of one that has died, and 'no
        answer' of one that has taken too long.
    """
    context = multiprocessing.get_context('fork')
    port = get_free_port()

    def work(rank, sender):
        set_rank(rank, ranks, port)
        try:
            sender.send(function(rank, *args))
        except Exception as error:
            sender.send(error)
        sender.close()
        # A normal exit of gloo sometimes aborts.
        os._exit(0)

    started = []
    for rank in range(ranks) if present is None else present:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(rank, sender))
        process.start()
        sender.close()
        started.append((process, receiver))
    outcomes = _outcomes([receiver for _, receiver in started])
    for process, _ in started:
        process.kill()
        process.join()
    return outcomes


def _outcomes(receivers):
    found = dict.fromkeys(receivers, 'no answer')
    pending, end = list(receivers), time.monotonic() + SECONDS
    while pending and (ready := wait(pending, end - time.monotonic())):
        for receiver in ready:
            pending.remove(receiver)
            found[receiver], failed = _outcome(receiver)
            if failed:
                end = min(end, time.monotonic() + SECONDS_AFTER_A_FAILURE)
    return list(found.values())


def _outcome(receiver):
    try:
        outcome = receiver.recv()
    except EOFError:
        return None, True
    return outcome, isinstance(outcome, Exception)


def bytes_written():
    """What the system counts for this process, whatever wrote it."""
    with open('/proc/self/io') as file:
        lines = dict(line.split(': ') for line in file)
    return int(lines['wchar'])
