"""Start of the processes of a run, and what is said if one is lost."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import init_dist
from mmengine.utils.dl_utils import set_multi_processing

TIMEOUT_KEY = 'env_cfg.dist_cfg.timeout'


def start_process_group(cfg: Config) -> None:
    """Connect the processes: nccl with a GPU, gloo without.

    mmengine's Runner would do it later. Here a process that is late or
    missing is named before anything is built. All processes have to come
    within ``env_cfg.dist_cfg.timeout`` seconds; the same time is allowed for
    every later exchange (torch's default without it: 10 minutes with nccl, 30
    minutes with gloo).

    Args:
        cfg: Config with ``launcher`` and ``env_cfg``.

    Raises:
        OSError: If the port is in use, or as ``TimeoutError`` if a process
            does not come in time.
        ValueError: If the timeout is not a positive number.
    """
    if dist.is_initialized():
        return
    limit = exchange_timeout(cfg)
    env_cfg = cfg.get('env_cfg') or {}
    options = dict(env_cfg.get('dist_cfg') or {})
    try:
        if torch.cuda.is_available():
            # As Runner does: init_dist would choose 'spawn' otherwise.
            set_multi_processing(**env_cfg.get('mp_cfg', {}), distributed=True)
            init_dist(cfg.launcher, **options)
        else:
            dist.init_process_group('gloo', timeout=limit)
    except RuntimeError as error:
        if not _of_communication(error):
            raise
        raise _failed_start(options.get('timeout'), error) from error


def exchange_timeout(cfg: Config) -> timedelta | None:
    """Read how long an exchange between processes may take.

    Args:
        cfg: Config with ``env_cfg``.

    Returns:
        ``env_cfg.dist_cfg.timeout``; None if it is not set.

    Raises:
        ValueError: If the timeout is not a positive number.
    """
    env_cfg = cfg.get('env_cfg') or {}
    timeout = (env_cfg.get('dist_cfg') or {}).get('timeout')
    if timeout is None:
        return None
    if not (_is_number(timeout) and timeout > 0):
        raise ValueError(
            f'{TIMEOUT_KEY}={timeout!r} must be a positive number of seconds'
        )
    return timedelta(seconds=timeout)


@contextmanager
def lost_processes_explained() -> Iterator[None]:
    """Say what it means if another process is lost inside the block.

    Raises:
        RuntimeError: Instead of the error of gloo or nccl.
    """
    try:
        yield
    except RuntimeError as error:
        if not dist.is_initialized() or not _of_communication(error):
            raise
        raise RuntimeError(
            f'rank {dist.get_rank()} of {dist.get_world_size()} stops: '
            'another process ended, or did not answer within the timeout '
            f'({TIMEOUT_KEY}, in seconds). The output of that process says '
            'why. Checkpoints are whole: start all processes again with '
            '--resume'
        ) from error


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _of_communication(error: RuntimeError) -> bool:
    """Tell errors of torch.distributed from others, such as of a loader.

    Those of the store and of nccl have classes of their own. Those of gloo
    are plain, but start with the place in its sources:
    "[.../gloo/transport/tcp/pair.cc:544] Connection closed by peer".
    """
    text = str(error).lower()
    return type(error).__name__.startswith('Dist') or any(
        word in text for word in ('gloo', 'nccl')
    )


def _failed_start(timeout: float | None, error: RuntimeError) -> OSError:
    names = ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')
    place = ', '.join(f'{k}={os.environ.get(k)}' for k in names)
    if 'EADDRINUSE' in str(error):
        return OSError(
            f'the port is in use ({place}): set PORT of tools/dist_train.sh, '
            'or MASTER_PORT, to a free one'
        )
    waited = 'the default time' if timeout is None else f'{timeout} s'
    return TimeoutError(
        f'this process ({place}) waited {waited} for the others in vain: '
        f'{str(error).splitlines()[0]}. Was every process started, with the '
        f'same address, port and WORLD_SIZE? {TIMEOUT_KEY} sets how long to '
        'wait, in seconds'
    )
