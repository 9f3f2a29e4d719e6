"""Several ranks of a run, forked from the test process."""

import multiprocessing
import os

from torch.distributed.elastic.utils.distributed import get_free_port

MINUTES = 3


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
        What each has returned or raised; None of one that has died.
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
    outcomes = []
    for process, receiver in started:
        try:
            answered = receiver.poll(60 * MINUTES)
            outcomes.append(receiver.recv() if answered else 'no answer')
        except EOFError:
            outcomes.append(None)
        process.kill()
        process.join()
    return outcomes
