r"""Speed, memory and loss curve of a training under every setting.

    python tools/benchmarks/settings.py CONFIG
    python tools/benchmarks/settings.py CONFIG --rounds 3 \
        --settings plain amp amp+channels_last+checkpointing
    python tools/benchmarks/settings.py CONFIG --size 512 1024 --batch-size 4

Each setting is a training by tools/train.py in a process of its own, with the
same seed and the same data; they take turns. 'plain' is float32, on a GPU
without tf32. Settings that need a GPU are left out where there is none.

Images per second (labeled and unlabeled) are those of the median iteration
after the first fifth. Memory is, on a GPU, the highest that torch has
allocated (its CUDA context and what it keeps in reserve come on top), else the
highest resident memory of the process.

No setting changes what is computed but by rounding. A training from scratch
amplifies that: one pixel with another pseudo-label can change the classes that
are mixed. So the loss curve is compared with that of 'plain' twice, relative
to it: the largest difference of the first 10 iterations, where one setting
still has the rounding of the other, and the largest difference of running
means over 20 iterations of the whole curve. What rounding alone does is
measured by settings that are none: 'threads' (two threads of the CPU instead
of one add in another order); 'seed' (other weights and order of the data) is
what would be a different training.

The tolerance of the whole curve, 8 %, lies between the two: on
configs/classmix/street_scenes_r18.py, 200 iterations, threads differ by
1.0e-5 and 3.7 %, fused by 2.1e-7 and 6.1 %, two other seeds by 0.24 and 12 %,
and by 0.14 and 10 %. The sharper one is that of the first 10 losses: 0.1 % in
float32, 1 % with tf32 (factors of 10 bits) and 5 % with --amp (bfloat16, of 8
bits).
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config, DictAction
from setting_runs import PARTS, Run, arguments, parts_of, train
from small_config import small_config

SETTINGS = (
    'plain',
    'tf32',
    'channels_last',
    'checkpointing',
    'separate_backward',
    'compile',
    'foreach',
    'fused',
    'channels_last+compile+fused',
    'tf32+channels_last+compile+fused',
    'amp',
    'amp+channels_last',
    'amp+channels_last+compile+fused',
    'amp+channels_last+separate_backward',
    'amp+channels_last+separate_backward+compile+fused',
    'amp+channels_last+separate_backward+checkpointing',
    'threads',
    'seed',
)
WARM_UP = 0.2
WINDOW = 20
EARLY = 10
CURVE_TOLERANCE = 0.08
HEAD = (
    '| setting | images/s | ms | first (s) | memory (MiB) | first 10 losses '
    '| loss curve | |\n' + '|---' * 8 + '|'
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', type=Path)
    parser.add_argument('--iters', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=1)
    parser.add_argument(
        '--settings',
        nargs='+',
        default=SETTINGS,
        metavar='NAME',
        help=f"'plain', or some of {', '.join(PARTS)} with + between them "
        f'(default: {" ".join(SETTINGS)})',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='random images and random weights, where the data of CONFIG are '
        'not at hand; their losses say little',
    )
    parser.add_argument(
        '--batch-size', type=int, default=4, help='with --size'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='override values of the config in every training',
    )
    args = parser.parse_args(argv)
    for name, least in dict(iters=2, rounds=1, batch_size=2).items():
        if getattr(args, name) < least:
            flag = '--' + name.replace('_', '-')
            parser.error(f'{flag} {getattr(args, name)} is below {least}')
    if not args.config.is_file():
        parser.error(f'no config {args.config}: name a file of configs/')
    try:
        for setting in args.settings:
            parts_of(setting)
    except ValueError as error:
        parser.error(str(error))
    return args


def smooth(losses: list[float]) -> np.ndarray:
    """Running mean over 20 iterations, or over all where they are fewer."""
    width = min(WINDOW, len(losses))
    return np.convolve(losses, np.full(width, 1 / width), 'valid')


def early_difference(losses: list[float], plain: list[float]) -> float:
    """Largest difference of the first losses, as a share of ``plain``."""
    first, second = np.array(losses[:EARLY]), np.array(plain[:EARLY])
    return float(np.max(np.abs(first - second) / np.abs(second)))


def curve_difference(losses: list[float], plain: list[float]) -> float:
    """Largest difference of the smooth curves, as a share of ``plain``."""
    first, second = smooth(losses), smooth(plain)
    return float(np.max(np.abs(first - second) / np.abs(second)))


def verdict(setting: str, early: float, curve: float) -> str:
    """Say whether differences are within tolerance."""
    limits = [part.tolerance for part in parts_of(setting)]
    if None in limits:
        return ''
    limit = max(limits, default=0.0)
    inside = early <= limit and curve <= CURVE_TOLERANCE
    return (
        f'{"within" if inside else "NOT WITHIN"} {limit:.1%} and '
        f'{CURVE_TOLERANCE:.0%}'
    )


def row(setting: str, runs: list[Run], plain: Run, images: int) -> str:
    """Write what the rounds of a setting have measured."""
    start = int(WARM_UP * len(plain.losses))
    median = np.median([run.seconds[start:] for run in runs])
    early, curve = (
        max(differ(run.losses, plain.losses) for run in runs)
        for differ in (early_difference, curve_difference)
    )
    return (
        f'| {setting} | {images / median:.2f} | {1e3 * median:.1f} '
        f'| {max(run.seconds[0] for run in runs):.1f} '
        f'| {max(run.peak for run in runs):.0f} | {early:.2e} '
        f'| {curve:.2%} | {verdict(setting, early, curve)} |'
    )


def prepare(args: argparse.Namespace, folder: Path) -> tuple[Path, int]:
    """Write the config, with what is asked for on the command line."""
    if args.size:
        cfg = small_config(
            str(args.config), folder, tuple(args.size), args.batch_size
        )
    else:
        cfg = Config.fromfile(str(args.config))
    cfg.merge_from_dict(args.cfg_options)
    cfg.dump(folder / 'config.py')
    return folder / 'config.py', cfg.train_dataloader.batch_size


def measure(
    args: argparse.Namespace, settings: list[str], folder: Path
) -> tuple[dict[str, list[Run]], dict[str, str], int]:
    """Train with every setting once a round."""
    config, images = prepare(args, folder)
    runs, errors = {name: [] for name in settings}, {}
    for number in range(args.rounds):
        for setting in settings:
            if setting in errors:
                continue
            print(f'round {number + 1}: {setting}', file=sys.stderr)
            work_dir = folder / str(number) / setting
            try:
                run = train(config, setting, args.iters, work_dir)
            except RuntimeError as error:
                # Others, such as those with less memory, may work.
                errors[setting] = str(error)
                print(error, file=sys.stderr)
                continue
            runs[setting].append(run)
    return runs, errors, images


def main(argv: Sequence[str] | None = None) -> int | None:
    """Measure and print."""
    args = parse_args(argv)
    gpu = torch.cuda.is_available()
    # The unit of all others, and each once.
    settings = list(dict.fromkeys(['plain', *args.settings]))
    left_out = [
        name
        for name in settings
        if not gpu and any(part.gpu for part in parts_of(name))
    ]
    settings = [name for name in settings if name not in left_out]
    with tempfile.TemporaryDirectory(prefix='settings_') as name:
        runs, errors, images = measure(args, settings, Path(name))
    device = torch.cuda.get_device_name() if gpu else 'CPU'
    print(
        f'{args.config}, {args.iters} iterations of {images} images, '
        f'{args.rounds} rounds, {device}, torch {torch.__version__}\n'
    )
    if errors.get('plain'):
        sys.exit("'plain' has failed, which the others are compared with")
    print(HEAD)
    for setting in settings:
        if setting in errors:
            print(f'| {setting} |' + ' |' * 6 + ' failed |')
        else:
            print(row(setting, runs[setting], runs['plain'][0], images))
    print('\n| setting | options of tools/train.py |\n|---|---|')
    for setting in settings:
        print(f'| {setting} | `{" ".join(arguments(setting))}` |')
    if left_out:
        print(f'\nLeft out, since there is no GPU: {", ".join(left_out)}')
    sys.exit(1 if errors else 0)


if __name__ == '__main__':
    sys.exit(main())
