"""Batch norm over the global batch, for processes without a GPU."""

import torch
from mmengine.dist import get_dist_info, get_world_size
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


class CPUSyncBatchNorm(_BatchNorm):
    """Batch norm over the global batch, through any backend.

    ``torch.nn.SyncBatchNorm`` refuses tensors on the CPU. Every rank gets mean
    and variance of every other in one message, because the difference of
    squared means would cancel: the variance of the global batch is the mean
    of the variances plus the variance of the means. Arguments are those of
    ``torch.nn.BatchNorm2d``.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f'expected 2D input or more, got {input.dim()}D')

    def forward(self, input: Tensor) -> Tensor:
        """Normalize (N, C, ...), the same shape on every rank."""
        if not self.training or get_world_size() == 1:
            return super().forward(input)
        dims = [d for d in range(input.dim()) if d != 1]
        shape = [1, -1] + [1] * (input.dim() - 2)
        means, variances = _of_all_ranks(input, dims).unbind(1)
        mean = means.mean(0)
        var = (variances + (means - mean).square()).mean(0)
        centered = input - mean.view(shape)
        if self.track_running_stats:
            count = input.numel() // input.size(1) * get_world_size()
            with torch.no_grad():
                self.num_batches_tracked += 1
                unbiased = var * (count / max(count - 1, 1))
                # Without a momentum torch keeps the plain average.
                share = self.momentum
                if share is None:
                    share = 1 / self.num_batches_tracked
                self.running_mean.lerp_(mean, share)
                self.running_var.lerp_(unbiased, share)
        output = centered * (var + self.eps).rsqrt().view(shape)
        if self.affine:
            output = output * self.weight.view(shape) + self.bias.view(shape)
        return output


def _of_all_ranks(input: Tensor, dims: list[int]) -> Tensor:
    """Mean and variance on every rank, (ranks, 2, C), differentiable."""
    variance, mean = torch.var_mean(input, dims, correction=0)
    own = torch.stack([mean, variance])
    rank, world_size = get_dist_info()
    # A sum with zeros: gloo has no gradient of all_gather in one message.
    others = own.new_zeros((world_size, *own.shape))
    return all_reduce(others.index_copy(0, torch.tensor([rank]), own[None]))


def convert_sync_batch_norm(module: nn.Module) -> nn.Module:
    """Replace every batch norm, in place; parameters and buffers are kept."""
    if isinstance(module, CPUSyncBatchNorm):
        return module
    if isinstance(module, _BatchNorm):
        converted = CPUSyncBatchNorm(
            module.num_features,
            module.eps,
            module.momentum,
            module.affine,
            module.track_running_stats,
        )
        converted.weight, converted.bias = module.weight, module.bias
        for name, buffer in module.named_buffers(recurse=False):
            setattr(converted, name, buffer)
        return converted.train(module.training)
    for name, child in module.named_children():
        setattr(module, name, convert_sync_batch_norm(child))
    return module
