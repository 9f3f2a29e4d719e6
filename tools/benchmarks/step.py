"""A training step of the package against its floor.

    python tools/benchmarks/step.py CONFIG

builds the Runner of a config on random images and measures, in turns: an
iteration with all hooks; a bare loop of torch that only runs the networks
(``Floor`` in bare_steps.py); and an iteration in the order of the published
code (``Published``). Then the memory that each takes beyond its networks and
inputs, and where the time of ours goes.
"""

import argparse
import tempfile
from contextlib import nullcontext
from copy import deepcopy
from functools import partial
from pathlib import Path

import torch
from bare_steps import BareStep, Floor, Published
from interleaved import measure, report
from mmengine.optim import build_optim_wrapper
from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop
from mmseg.registry import MODELS
from parts import time_of_parts
from peak_memory import peak_in_child
from small_run import small_config
from torch import nn

from mmseg_classmix.engine.runner import ClassMixRunner


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='a config with a mean teacher')
    parser.add_argument(
        '--size', type=int, nargs=2, default=(64, 128), metavar=('H', 'W')
    )
    parser.add_argument(
        '--batch', type=int, default=4, help='images, half of them labeled'
    )
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument(
        '--bf16', action='store_true', help='mixed precision (needs a GPU)'
    )
    parser.add_argument(
        '--no-tf32', action='store_true', help='full float32 on a GPU'
    )
    return parser.parse_args()


@LOOPS.register_module()
class MeasuringLoop(IterBasedTrainLoop):
    """Gives the first batch to ``runner.measure`` instead of training."""

    def run(self) -> nn.Module:
        """Prepare a training, and measure."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        self.runner.measure(self, next(iter(self.dataloader)))
        return self.runner.model


def bare_step(kind: type, loop: MeasuringLoop, batch: dict) -> BareStep:
    """Copy networks and optimizer of a run, and prepare the batch."""
    runner = loop.runner
    networks = MODELS.build(deepcopy(runner.cfg.model))
    networks.load_state_dict(runner.model.state_dict())
    networks.to(next(runner.model.parameters()).device).train()
    wrapper = deepcopy(runner.cfg.optim_wrapper)
    for key in ('dtype', 'loss_scale'):
        wrapper.pop(key, None)
    wrapper.type = 'OptimWrapper'
    data = runner.model.data_preprocessor(batch, training=True)
    masks = [
        s.gt_sem_seg.data for s in data['data_samples'] if 'gt_sem_seg' in s
    ]
    count = len(masks)
    amp = type(runner.optim_wrapper).__name__ == 'AmpOptimWrapper'
    return kind(
        networks.student,
        networks.teacher,
        build_optim_wrapper(networks, wrapper).optimizer,
        labeled=data['inputs'][:count],
        label=torch.cat(masks),
        unlabeled=data['inputs'][count:],
        autocast=partial(torch.autocast, 'cuda', torch.bfloat16)
        if amp
        else nullcontext,
    )


def measure_all(
    args: argparse.Namespace, loop: MeasuringLoop, batch: dict
) -> None:
    """Measure and print; ``loop`` is ready to train."""
    device = next(loop.runner.model.parameters()).device.type
    sides = {
        'floor': bare_step(Floor, loop, batch),
        'ours': partial(loop.run_iter, batch),
        'published': bare_step(Published, loop, batch),
    }
    print(
        f'{args.config}, {args.batch} images of {args.size[0]} x '
        f'{args.size[1]}, {device}, {args.threads} threads\n'
    )
    if device == 'cuda':
        # cuDNN tries its kernels, which takes memory once.
        sides['floor']()
    # First: a process keeps memory that was used once.
    peaks = {n: peak_in_child(side, device) for n, side in sides.items()}
    results = measure(sides, args.rounds, args.threads)
    print('\n'.join(report(results, unit='floor')))
    ratio = results['published'].median / results['ours'].median
    print(f'\npublished / ours: {ratio:.3f}\n')
    print('| peak memory | MiB | ratio |', '|---|---|---|', sep='\n')
    for name, peak in peaks.items():
        print(f'| {name} | {peak:.0f} | {peak / peaks["floor"]:.3f} |')
    torch.set_num_threads(args.threads)
    parts = time_of_parts(
        loop.runner, sides['ours'], args.rounds, device == 'cuda'
    )
    total = 1e3 * results['ours'].median
    print('\n| part of ours | ms | share |', '|---|---|---|', sep='\n')
    for name, milliseconds in parts.items():
        print(f'| {name} | {milliseconds:.2f} | {milliseconds / total:.2%} |')


def main() -> None:
    """Build the run and measure in it."""
    args = parse_args()
    if args.no_tf32:
        torch.backends.cudnn.allow_tf32 = False
    with tempfile.TemporaryDirectory(prefix='step_') as folder:
        cfg = small_config(
            args.config, Path(folder), tuple(args.size), args.batch
        )
        cfg.train_cfg.type = 'MeasuringLoop'
        cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
        if args.bf16:
            cfg.optim_wrapper.update(
                type='AmpOptimWrapper',
                dtype='bfloat16',
                loss_scale=dict(enabled=False),
            )
        cfg.log_level = 'ERROR'
        runner = ClassMixRunner.from_cfg(cfg)
        runner.measure = partial(measure_all, args)
        runner.train()


if __name__ == '__main__':
    main()
