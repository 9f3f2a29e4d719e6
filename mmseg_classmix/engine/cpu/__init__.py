"""Several processes without a GPU."""

from mmseg_classmix.engine.cpu.distributed import (
    CPUDistributedDataParallel,
    close_distributed,
    prepare_distributed,
)
from mmseg_classmix.engine.cpu.sync_batch_norm import CPUSyncBatchNorm

__all__ = [
    'CPUDistributedDataParallel',
    'CPUSyncBatchNorm',
    'close_distributed',
    'prepare_distributed',
]
