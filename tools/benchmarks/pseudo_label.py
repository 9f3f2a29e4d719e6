"""From the teacher's logits to mixed images, labels and weights.

    python tools/benchmarks/pseudo_label.py

compares, in turns: one copy of the logits at image size, what the package
does (upsampling, label, confidence, mask, mix, weight), the same in the order
of the published code, and label and confidence alone by the plain formula,
also fused by ``torch.compile``. Then it prints how much memory each takes
beyond its inputs.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import torch
from bare_steps import mixed_labels
from meters import measure, peak_in_child, report
from torch import Tensor
from torch.nn import functional as F

from mmseg_classmix.mixing import ClassMix
from mmseg_classmix.models.losses.unsup_loss import UnsupWeight
from mmseg_classmix.models.segmentors.logits import (
    label_and_confidence,
    upsample,
)

IGNORE_INDEX = 255


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=4)
    parser.add_argument('--classes', type=int, default=19)
    parser.add_argument(
        '--size', type=int, nargs=2, default=(512, 1024), metavar=('H', 'W')
    )
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu'
    )
    parser.add_argument(
        '--compile', action='store_true', help='also with torch.compile'
    )
    return parser.parse_args(argv)


def ours(logits: Tensor, img: Tensor, weigh: UnsupWeight) -> dict:
    """What ``MeanTeacherSegmentor`` and ``PseudoLabelLoss`` do."""
    label, confidence = label_and_confidence(logits, img.shape[2:], True)
    batch = dict(
        img=img,
        pseudo_label=label,
        confidence=confidence,
        num_classes=logits.size(1),
        ignore_index=IGNORE_INDEX,
    )
    batch = ClassMix()(batch)
    valid = batch['pseudo_label'] != IGNORE_INDEX
    return dict(batch, weight=weigh(batch['confidence'], valid) * valid)


def plain(logits: Tensor, size: torch.Size) -> tuple[Tensor, Tensor]:
    """Label and confidence, as one writes them."""
    full = F.interpolate(logits, size, mode='bilinear', align_corners=True)
    confidence, label = full.softmax(1).max(1)
    return label, confidence


def sides_of(args: argparse.Namespace) -> dict[str, Callable]:
    """Make inputs, and what to measure on them."""
    torch.manual_seed(0)
    height, width = args.size
    # Output stride 8, the max-pool rounds up.
    small = (args.images, args.classes, height // 8 + 1, width // 8 + 1)
    logits = 3 * torch.randn(small, device=args.device)
    img = torch.rand((args.images, 3, height, width), device=args.device)
    weigh = UnsupWeight('proportion_per_batch', 0.968, 1)
    size = img.shape[2:]
    full = upsample(logits, size, True)
    sides = {
        'copy of the full-size logits': full.clone,
        'ours': lambda: ours(logits, img, weigh),
        'published': lambda: mixed_labels(logits, img),
        'ours, label and confidence': lambda: label_and_confidence(
            logits, size, True
        ),
        'plain, label and confidence': lambda: plain(logits, size),
    }
    if args.compile:
        fused = torch.compile(plain)
        sides['compiled, label and confidence'] = lambda: fused(logits, size)
    return sides


def main(argv: Sequence[str] | None = None) -> int | None:
    """Measure and print."""
    args = parse_args(argv)
    height, width = args.size
    print(
        f'{args.images} x {args.classes} x {height} x {width}, '
        f'{args.device}, {args.threads} threads\n'
    )
    sides = sides_of(args)
    # First: a process keeps memory that was used once.
    peaks = {
        name: peak_in_child(side, args.device)
        for name, side in sides.items()
        if 'label' not in name
    }
    results = measure(sides, args.rounds, args.threads)
    print('\n'.join(report(results, unit='copy of the full-size logits')))
    ratio = results['published'].median / results['ours'].median
    print(f'\npublished / ours: {ratio:.2f}')
    size = 4 * args.images * args.classes * height * width / 2**20
    print(f'\nPeak memory; the full-size logits are {size:.0f} MiB:')
    for name, peak in peaks.items():
        print(f'- {name}: {peak:.0f} MiB')


if __name__ == '__main__':
    sys.exit(main())
