"""Processes of a run: start, end, and what is said if one is lost."""

import atexit
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import init_dist
from mmengine.utils.dl_utils import set_multi_processing

from mmseg_classmix.distributed.agreement import (
    TIMEOUT_KEY,
    compare_config,
    exchange_timeout,
)


def prepare_distributed(cfg: Config) -> None:
    """Connect the processes of a launcher and compare their configs.

    mmengine's launchers select a GPU first. Without one, the process group is
    made with gloo, and model wrapper and batch norm are set to those of the
    CPU. Without a launcher nothing happens. ``cfg`` is changed in place.
    """
    if cfg.get('launcher', 'none') == 'none':
        return
    on_cpu = not torch.cuda.is_available()
    if on_cpu and cfg.launcher == 'slurm':
        _set_slurm_environment()
    elif on_cpu and 'RANK' not in os.environ:
        raise ValueError(
            f'--launcher {cfg.launcher} without a GPU needs RANK, WORLD_SIZE, '
            'MASTER_ADDR and MASTER_PORT in the environment: start with '
            'tools/dist_train.sh (--launcher pytorch) or Slurm'
        )
    start_process_group(cfg)
    if dist.get_backend() == 'gloo':
        sys.excepthook = _report_and_leave
    # Before a model is built: DDP would hang on another one.
    compare_config(cfg)
    if on_cpu:
        cfg.model_wrapper_cfg = {
            'broadcast_buffers': False,
            'find_unused_parameters': cfg.get('find_unused_parameters', False),
            **(cfg.get('model_wrapper_cfg') or {}),
            'type': 'CPUDistributedDataParallel',
            'sync_bn': cfg.get('sync_bn') is not None,
        }
        cfg.sync_bn = None


def _set_slurm_environment() -> None:
    """Translate Slurm's variables to those of torch.distributed."""
    nodes = os.environ['SLURM_NODELIST']
    hosts = subprocess.run(
        ['scontrol', 'show', 'hostname', nodes],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    os.environ.setdefault('MASTER_ADDR', hosts[0])
    os.environ.setdefault('MASTER_PORT', '29500')
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')


def start_process_group(cfg: Config) -> None:
    """Connect the processes: nccl with a GPU, gloo without.

    mmengine's Runner would do it later. Here a process that is late or
    missing is named before anything is built. All processes have to come
    within ``env_cfg.dist_cfg.timeout`` seconds; the same time is allowed for
    every later exchange (torch's default without it: 10 minutes with nccl, 30
    minutes with gloo). An OSError says that the port is in use, a
    TimeoutError that a process did not come in time.
    """
    if dist.is_initialized():
        return
    limit = exchange_timeout(cfg)
    env_cfg = cfg.get('env_cfg') or {}
    try:
        if torch.cuda.is_available():
            # As Runner does: init_dist would choose 'spawn' otherwise.
            set_multi_processing(**env_cfg.get('mp_cfg', {}), distributed=True)
            init_dist(cfg.launcher, **(env_cfg.get('dist_cfg') or {}))
        else:
            dist.init_process_group('gloo', timeout=limit)
    except RuntimeError as error:
        if not _of_communication(error):
            raise
        names = ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')
        place = ', '.join(f'{k}={os.environ.get(k)}' for k in names)
        if 'EADDRINUSE' in str(error):
            raise OSError(
                f'the port is in use ({place}): set PORT of '
                'tools/dist_train.sh, or MASTER_PORT, to a free one'
            ) from error
        waited = (
            f'{limit.total_seconds():g} s' if limit else 'the default time'
        )
        raise TimeoutError(
            f'this process ({place}) waited {waited} for the others in vain: '
            f'{str(error).splitlines()[0]}. Was every process started, with '
            f'the same address, port and WORLD_SIZE? {TIMEOUT_KEY} sets how '
            'long to wait, in seconds'
        ) from error


@contextmanager
def lost_processes_explained() -> Iterator[None]:
    """Say in place of gloo or nccl that another process is lost."""
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


def close_distributed(code: int = 0) -> None:
    """End a process of a distributed run, all ranks together.

    Call it last: with gloo the process exits here, with this code.
    """
    if not dist.is_initialized():
        return
    dist.barrier()
    if dist.get_backend() == 'gloo':
        _leave(code)
    dist.destroy_process_group()


def _report_and_leave(kind: type, error: BaseException, trace: Any) -> None:
    """What Python does with an error that nothing has caught, and leave."""
    sys.__excepthook__(kind, error, trace)
    _leave(130 if issubclass(kind, KeyboardInterrupt) else 1)


def _leave(code: int) -> None:
    """Exit without the destructors of C++: with gloo some of them abort."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
