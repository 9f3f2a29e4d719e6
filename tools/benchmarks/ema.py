"""The update of the teacher against what it cannot be faster than.

    python tools/benchmarks/ema.py CONFIG

compares, in turns: the update of ``MeanTeacherHook``, a bare
``torch._foreach_lerp_`` over the same tensors, and the loop over parameters
of the published code.
"""

import argparse
from functools import partial

import torch
from interleaved import measure, report
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from published import move_teacher

from mmseg_classmix.engine.hooks.mean_teacher_hook import TeacherUpdate


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='a config with a mean teacher')
    parser.add_argument('--rounds', type=int, default=30)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu'
    )
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    cfg = Config.fromfile(args.config)
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model).to(args.device)
    student, teacher = model.student, model.teacher
    new, old = list(student.parameters()), list(teacher.parameters())
    count = sum(tensor.numel() for tensor in new)
    print(
        f'{len(new)} tensors, {count / 1e6:.1f} million parameters, '
        f'{args.device}, {args.threads} threads\n'
    )
    with torch.no_grad():
        sides = {
            'foreach lerp': lambda: torch._foreach_lerp_(old, new, 0.01),
            'ours': partial(TeacherUpdate(student, teacher, None), 0.01),
            'per parameter': lambda: move_teacher(student, teacher, 0.99),
        }
        results = measure(sides, args.rounds, args.threads)
    print('\n'.join(report(results, unit='foreach lerp')))
    ratio = results['per parameter'].median / results['ours'].median
    print(f'\nper parameter / ours: {ratio:.2f}')


if __name__ == '__main__':
    main()
