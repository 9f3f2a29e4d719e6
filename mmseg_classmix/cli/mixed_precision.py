"""Which 16-bit format mixed precision uses."""

import torch


def has_bfloat16() -> bool:
    """Whether the GPU of this process computes bfloat16 in hardware."""
    # torch.cuda.is_bf16_supported also counts emulation, in some releases.
    major, _ = torch.cuda.get_device_capability()
    return torch.version.hip is not None or major >= 8


def mixed_precision(optim_wrapper: dict, bfloat16: bool) -> dict:
    """Make an optimizer wrapper one of mixed precision.

    bfloat16 has the range of float32 and needs no scaling of the loss;
    gradients in float16 are kept above zero by a dynamic scale. What the
    wrapper says itself (``dtype``, ``loss_scale``) stays.

    Args:
        optim_wrapper: Config of an ``OptimWrapper``; not changed.
        bfloat16: Whether the hardware has it, see :func:`has_bfloat16`.

    Returns:
        Config of an ``AmpOptimWrapper``.
    """
    dtype = optim_wrapper.get('dtype') or (
        'bfloat16' if bfloat16 else 'float16'
    )
    ranges_like_float32 = dtype in ('bfloat16', torch.bfloat16)
    scale = dict(enabled=False) if ranges_like_float32 else 'dynamic'
    return {
        'loss_scale': scale,
        **optim_wrapper,
        'type': 'AmpOptimWrapper',
        'dtype': dtype,
    }
