"""What wraps a model: DDP on the CPU; and taking the wrappers off."""

from mmengine.model import (
    BaseTTAModel,
    MMDistributedDataParallel,
    is_model_wrapper,
)
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from mmseg_classmix.distributed.sync_batch_norm import convert_sync_batch_norm


def unwrap(model: nn.Module) -> nn.Module:
    """Take off the wrappers of a distributed run and of TTA, if any."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


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
