r"""Compute the memory of a training step, without its device or its data.

    python tools/benchmarks/computed_memory.py CONFIG --size 512 1024

runs two iterations of the model of CONFIG and its optimizer on tensors that
have a shape but no content (``FakeTensorMode`` of torch) and adds up which
are alive: in float32 and under autocast to bfloat16, with a backward pass for
each loss, with activation checkpointing, and with both. That takes seconds
and no memory on any machine.

This is computed, not measured. On a GPU come on top: its CUDA context, what
cuDNN works with inside an operation, and what torch keeps in reserve. Autocast
is that of the CPU, which computes the upsampling of logits in float32, where
a GPU does it in bfloat16.
"""

import argparse
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.models.decode_heads import decode_head
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmseg_classmix.engine.hooks import ExecutionHook
from mmseg_classmix.models.segmentors import logits

GIB = 2**30


class LiveMemory(TorchDispatchMode):
    """Adds up the storages that operations make, until they are gone.

    Attributes:
        live: Bytes at the moment.
        peak: The most bytes so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self.add(tensor)
        return out

    def add(self, tensor: Tensor) -> None:
        """Count the storage of a tensor, once."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='a config with a mean teacher')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(512, 1024),
        metavar=('HEIGHT', 'WIDTH'),
    )
    parser.add_argument(
        '--batch-size', type=int, default=4, help='half of it is labeled'
    )
    parser.add_argument('--checkpointing', default='backbone.layer?.*')
    return parser.parse_args(argv)


def read_no_values() -> None:
    """Turn off what looks at the values of tensors, in this process."""
    # It selects pixels by their value.
    decode_head.accuracy = lambda *_, **__: torch.zeros(1)
    # As on a GPU: on a CPU another way is tried and its values compared.
    logits._rows_are_exact = lambda *_: False


def without_content(model: nn.Module, mode: FakeTensorMode) -> None:
    """Replace parameters and buffers by such without content."""
    for module in model.modules():
        for name, value in module._parameters.items():
            if value is not None:
                module._parameters[name] = mode.from_tensor(value)
        for name, value in module._buffers.items():
            if value is not None:
                module._buffers[name] = mode.from_tensor(value)


def batch(
    count: int, size: tuple[int, int]
) -> tuple[Tensor, list[SegDataSample]]:
    """Images, the first half of them labeled."""
    samples = [
        SegDataSample(metainfo=dict(img_shape=size, pad_shape=size))
        for _ in range(count)
    ]
    for sample in samples[: count // 2]:
        label = torch.zeros(1, *size, dtype=torch.int64)
        sample.gt_sem_seg = PixelData(data=label)
    return torch.zeros(count, 3, *size), samples


def step_memory(
    cfg: Config,
    size: tuple[int, int],
    count: int,
    amp: bool = False,
    pattern: str | None = None,
    separate: bool = False,
) -> dict[str, int]:
    """Compute the memory of training."""
    # Bytes: 'state' (both networks, momentum and batch), 'kept' from the
    # forward to the backward pass, 'peak' of all.
    model = MODELS.build(cfg.model)
    mode = FakeTensorMode()
    without_content(model, mode)
    model.train()
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    hook = ExecutionHook(checkpointing=pattern, separate_backward=separate)
    # What the hook needs of a runner.
    logger = MMLogger.get_current_instance()
    hook.before_train(
        SimpleNamespace(
            model=model, optim_wrapper=optim_wrapper, logger=logger
        )
    )
    with mode, LiveMemory() as memory:
        for tensor in (*model.parameters(), *model.buffers()):
            memory.add(tensor)
        data = batch(count, size)
        for _ in range(2):
            # The first makes the momentum.
            state = memory.live
            with torch.autocast('cpu', torch.bfloat16, enabled=amp):
                losses = model.loss(*data)
            loss, _ = model.parse_losses(losses)
            del losses, _
            kept = memory.live - state
            optim_wrapper.update_params(loss)
            del loss
    return dict(state=state, kept=kept, peak=memory.peak)


def main(argv: Sequence[str] | None = None) -> int | None:
    """Compute and print."""
    args = parse_args(argv)
    init_default_scope('mmseg')
    # No line for every parameter.
    MMLogger.get_instance('mmengine', log_level='WARNING')
    read_no_values()
    cfg = Config.fromfile(args.config)
    if 'segmentor' not in cfg.model:
        sys.exit(
            f'{args.config}: model.type={cfg.model.type!r} is no mean teacher'
        )
    height, width = args.size
    print(
        f'{Path(args.config).name}, {args.batch_size} images of '
        f'{height}x{width}, computed\n\n'
        '| | weights, momentum, batch (GiB) | kept for the backward pass '
        '(GiB) | peak (GiB) |\n|---|---|---|---|'
    )
    blocks = args.checkpointing
    options = {
        '': {},
        ', separate_backward': dict(separate=True),
        ', checkpointing': dict(pattern=blocks),
        ', both': dict(separate=True, pattern=blocks),
    }
    for amp in (False, True):
        for name, how in options.items():
            found = step_memory(
                cfg, tuple(args.size), args.batch_size, amp, **how
            )
            cells = ' | '.join(
                f'{value / GIB:.2f}' for value in found.values()
            )
            dtype = 'bfloat16' if amp else 'float32'
            print(f'| {dtype}{name} | {cells} |', flush=True)


if __name__ == '__main__':
    sys.exit(main())
