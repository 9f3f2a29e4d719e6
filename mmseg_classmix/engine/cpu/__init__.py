"""Several processes without a GPU."""

from mmseg_classmix.engine.cpu.distributed import (
    CPUDistributedDataParallel,
    prepare_distributed,
)
from mmseg_classmix.engine.cpu.sync_batch_norm import CPUSyncBatchNorm

__all__ = [
    'CPUDistributedDataParallel',
    'CPUSyncBatchNorm',
    'prepare_distributed',
]
