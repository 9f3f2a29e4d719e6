"""A training step of the package against its floor.

    python tools/benchmarks/step.py CONFIG

builds the Runner of a config on random images and measures, in turns: an
iteration with all hooks; a bare loop of torch that only runs the networks
(``Floor`` in bare_steps.py); and an iteration in the order of the published
code (``Published``). Then the memory that each takes beyond its networks and
inputs, and where the time of ours goes.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from functools import partial
from pathlib import Path

import torch
from bare_steps import BareStep, Floor, Published
from meters import measure, peak_in_child, report
from mmengine.optim import build_optim_wrapper
from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop
from mmseg.registry import MODELS
from small_config import small_config
from torch import nn
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function

from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.models.segmentors import mean_teacher

PREFIX = 'part: '


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
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
    return parser.parse_args(argv)


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


def time_of_parts(
    runner: ClassMixRunner, step: Callable[[], None], rounds: int, cuda: bool
) -> dict[str, float]:
    """Run a step under the profiler."""
    activities = [ProfilerActivity.CPU]
    if cuda:
        activities.append(ProfilerActivity.CUDA)
    with _named(runner), profile(activities=activities) as profiler:
        for _ in range(rounds):
            step()
    # Each part is there twice on a GPU, as a range of both devices.
    events = [
        event
        for event in profiler.key_averages()
        if event.device_type == DeviceType.CPU
    ]
    name = 'device_time_total' if cuda else 'cpu_time_total'
    times = {
        event.key.removeprefix(PREFIX): getattr(event, name) / 1e3 / rounds
        for event in events
        if event.key.startswith(PREFIX)
    }
    if cuda:
        # Its kernels are started by a thread of autograd.
        times['backward'] = sum(
            event.device_time_total / 1e3 / rounds
            for event in events
            if event.key.startswith('autograd::engine::evaluate_function')
        )
    return dict(sorted(times.items(), key=lambda item: -item[1]))


@contextmanager
def _named(runner: ClassMixRunner) -> Iterator[None]:
    """Give names to the parts of a step, from outside."""
    model, wrapper = runner.model, runner.optim_wrapper
    places = [
        (model.data_preprocessor, 'forward', 'preprocessor'),
        (model.student, 'loss', 'student, labeled'),
        (mean_teacher, 'low_resolution_logits', 'teacher'),
        (mean_teacher, 'label_and_confidence', 'label and confidence'),
        (mean_teacher, 'full_logits', 'student, mixed'),
        (model.unsup_loss, 'forward', 'unsupervised loss'),
        (wrapper, 'backward', 'backward'),
        (wrapper, 'step', 'optimizer'),
    ]
    for transform in model.batch_transforms.transforms:
        places.append((transform, 'transform', type(transform).__name__))
    for hook in runner.hooks:
        for when in ('before_train_iter', 'after_train_iter'):
            places.append((hook, when, type(hook).__name__))
    originals = []
    try:
        for owner, attribute, name in places:
            function = getattr(owner, attribute)
            own = attribute in vars(owner)
            originals.append((owner, attribute, function if own else None))
            setattr(owner, attribute, _recorded(function, PREFIX + name))
        yield
    finally:
        for owner, attribute, function in originals:
            if function is None:
                delattr(owner, attribute)
            else:
                setattr(owner, attribute, function)


def _recorded(function: Callable, name: str) -> Callable:
    def call(*args, **kwargs):
        with record_function(name):
            return function(*args, **kwargs)

    return call


def main(argv: Sequence[str] | None = None) -> int | None:
    """Build the run and measure in it."""
    args = parse_args(argv)
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
    sys.exit(main())
