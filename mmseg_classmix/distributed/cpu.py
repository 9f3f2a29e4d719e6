"""Distributed training on machines without a GPU."""

import atexit
import os
import subprocess
import sys
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from mmseg_classmix.distributed.agreement import check_config
from mmseg_classmix.distributed.process_group import start_process_group
from mmseg_classmix.distributed.sync_batch_norm import convert_sync_batch_norm


@MODEL_WRAPPERS.register_module()
class CPUDistributedDataParallel(MMDistributedDataParallel):
    """mmengine's wrapper, on the CPU.

    Args:
        module: Model to wrap.
        sync_bn: Whether batch norms use the statistics of the global batch.
        **kwargs: As for ``MMDistributedDataParallel``.
    """

    def __init__(
        self, module: nn.Module, sync_bn: bool = True, **kwargs
    ) -> None:
        if sync_bn:
            module = convert_sync_batch_norm(module)
        # mmengine passes the number of a GPU.
        kwargs['device_ids'] = None
        super().__init__(module, **kwargs)


def prepare_distributed(cfg: Config) -> None:
    """Connect the processes of a launcher and compare their configs.

    mmengine's launchers select a GPU first. Without one, the process group is
    made with gloo, and model wrapper and batch norm are set to those of the
    CPU. Without a launcher nothing happens.

    Args:
        cfg: Config with ``launcher``; changed in place.

    Raises:
        TimeoutError: If a process does not come in time, see
            ``start_process_group``.
        ValueError: If a process has another config, see ``check_config``; or
            without a GPU the environment does not say which process this is.
    """
    if cfg.get('launcher', 'none') == 'none':
        return
    if not torch.cuda.is_available():
        _check_environment(cfg)
    start_process_group(cfg)
    if dist.get_backend() == 'gloo':
        sys.excepthook = _report_and_leave
    # Before a model is built: DDP would hang on another one.
    check_config(cfg)
    if not torch.cuda.is_available():
        _wrap_for_cpu(cfg)


def _check_environment(cfg: Config) -> None:
    if cfg.launcher == 'slurm':
        _set_slurm_environment()
    elif 'RANK' not in os.environ:
        raise ValueError(
            f'--launcher {cfg.launcher} without a GPU needs RANK, WORLD_SIZE, '
            'MASTER_ADDR and MASTER_PORT in the environment: start with '
            'tools/dist_train.sh (--launcher pytorch) or Slurm'
        )


def _wrap_for_cpu(cfg: Config) -> None:
    wrapper = dict(
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wrapper.update(cfg.get('model_wrapper_cfg') or {})
    wrapper.update(
        type='CPUDistributedDataParallel',
        sync_bn=cfg.get('sync_bn') is not None,
    )
    cfg.model_wrapper_cfg = wrapper
    cfg.sync_bn = None


def close_distributed(code: int = 0) -> None:
    """End a process of a distributed run, all ranks together.

    Call it last: with gloo the process exits here.

    Args:
        code: Exit code.
    """
    if not dist.is_initialized():
        return
    dist.barrier()
    if dist.get_backend() != 'gloo':
        dist.destroy_process_group()
        return
    _leave(code)


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
