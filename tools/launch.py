"""torchrun for tools/dist_train.sh: its workers have time to save.

torchrun itself kills workers 30 seconds after it was asked to stop, dies of
SIGUSR1, and exits with 1 whatever the workers say. Here SIGTERM and SIGUSR1
are passed on to the workers, which stop by themselves, and exit code 75 (run
me again with --resume) comes back. Linux only.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

EXIT_CODE = 75
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
passed_on = set()


def pass_on(number, _):
    """Send a signal to the workers; without any, there is nothing to save."""
    passed_on.add(number)
    workers = [
        int(pid)
        for file in Path('/proc/self/task').glob('*/children')
        for pid in file.read_text().split()
    ]
    if not workers:
        # An exception could get lost in the imports.
        os._exit(EXIT_CODE)
    for pid in workers:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


# Before the imports below, which take seconds.
for one in SIGNALS:
    signal.signal(one, pass_on)

# Those that torchrun still handles: the name before and since torch 2.9.
HANDLED = 'SIGINT,SIGHUP,SIGQUIT'
os.environ.setdefault('TORCHELASTIC_SIGNALS_TO_HANDLE', HANDLED)
os.environ.setdefault('PET_SIGNALS_TO_HANDLE', HANDLED)

from torch.distributed.elastic.multiprocessing import (
    SignalException,
)
from torch.distributed.elastic.multiprocessing.errors import (
    ChildFailedError,
)
from torch.distributed.run import parse_args, run


def main() -> None:
    """Run torchrun and translate how it ends."""
    try:
        run(parse_args(sys.argv[1:]))
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        if failure.exitcode == EXIT_CODE or -failure.exitcode in passed_on:
            sys.exit(EXIT_CODE)
        raise
    except SignalException as error:
        # An old torchrun handles SIGTERM whatever it is told.
        if error.sigval in SIGNALS:
            sys.exit(EXIT_CODE)
        raise


if __name__ == '__main__':
    main()
