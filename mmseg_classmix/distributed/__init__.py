"""Several processes: groups, batch norm and DDP on the CPU, agreement."""

from mmseg_classmix.distributed.model_wrapper import (
    CPUDistributedDataParallel,
)
from mmseg_classmix.distributed.process_group import (
    close_distributed,
    lost_processes_explained,
    prepare_distributed,
)
from mmseg_classmix.distributed.sync_batch_norm import CPUSyncBatchNorm

__all__ = [
    'CPUDistributedDataParallel',
    'CPUSyncBatchNorm',
    'close_distributed',
    'lost_processes_explained',
    'prepare_distributed',
]
