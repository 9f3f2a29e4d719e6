"""Measure what a start costs: the import, and a resume near the end.

    python tools/benchmarks/startup.py [CONFIG]

First `import mmseg_classmix` against `import mmseg.models`. Then the time
from the start of tools/train.py to the end of its first iteration: of a
fresh run, and of one that is resumed late in 40,000 iterations. Each is a
fresh process; they take turns.

The late checkpoint is that of a run of two iterations, which then gets the
number of the late iteration, the position of its schedulers, and a log as
long as that of a run that has come so far.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from interleaved import measure, report
from mmengine.config import Config
from small_run import ROOT, run_python, small_config

CONFIG = ROOT / 'configs' / 'classmix' / 'street_scenes_r18.py'
LENGTH = 40_000
LATE = 39_990


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', nargs='?', default=str(CONFIG))
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(96, 192),
        metavar=('HEIGHT', 'WIDTH'),
        help='of the random images',
    )
    parser.add_argument(
        '--imports', type=int, default=10, help='processes that import'
    )
    parser.add_argument(
        '--starts', type=int, default=5, help='processes that train'
    )
    return parser.parse_args()


def imports() -> dict[str, Callable]:
    """Processes that only import a module."""
    modules = ('mmseg.models', 'mmseg_classmix')
    return {
        f'import {m}': partial(run_python, '-c', f'import {m}')
        for m in modules
    }


def starts(cfg: Config, folder: Path) -> dict[str, Callable]:
    """Trainings that end after their first iteration.

    Args:
        cfg: Config of :func:`small_config`.
        folder: Where configs are written.
    """
    cfg.train_cfg.max_iters = LENGTH
    for scheduler in cfg.get('param_scheduler') or ():
        scheduler['end'] = LENGTH + 1
    cfg.custom_imports.imports.append('stop_after')
    stop = dict(type='StopAfter', iterations=2)
    cfg.custom_hooks = [*cfg.get('custom_hooks', ()), stop]
    cfg.default_hooks.checkpoint.update(interval=2, save_begin=0)
    cfg.dump(folder / 'two.py')
    _train(folder / 'two.py', Path(cfg.work_dir), 2)
    early = Path(cfg.work_dir) / 'iter_2.pth'
    late = early.with_name(f'iter_{LATE}.pth')
    make_late(early, late)
    early.unlink()

    stop['iterations'] = 1
    cfg.custom_hooks[-1] = stop
    cfg.default_hooks.checkpoint.interval = LENGTH
    cfg.dump(folder / 'one.py')
    new = folder / 'new'
    return {
        'first iteration, fresh': partial(_train, folder / 'one.py', new, 1),
        f'first iteration, resumed at {LATE}': partial(
            _train, folder / 'one.py', late.parent, LATE + 1, '--resume'
        ),
    }


def _train(config: Path, work_dir: Path, last: int, *options: str) -> None:
    """Train, and see that it ended with the right iteration."""
    train = ROOT / 'tools' / 'train.py'
    run_python(train, config, '--work-dir', work_dir, *options)
    found = int((work_dir / 'stopped').read_text())
    if found != last:
        raise RuntimeError(f'{work_dir} is at iteration {found}, not {last}')


def make_late(early: Path, late: Path) -> None:
    """Make a checkpoint of iteration 2 one of a late iteration."""
    content = torch.load(early, weights_only=True)
    content['meta']['iter'] = LATE
    for scheduler in content.get('param_schedulers', ()):
        scheduler['last_step'] = LATE
        scheduler['_global_step'] = LATE + 1
    hub = content['message_hub']
    hub['runtime_info']['iter'] = LATE - 1
    for history in hub['log_scalars'].values():
        for key in ('log', 'count'):
            history[key] = history[key].repeat(LATE)[:LATE]
    torch.save(content, late)


def main() -> None:
    """Measure and print."""
    args = parse_args()
    results = measure(imports(), args.imports, torch.get_num_threads())
    print('\n'.join(report(results, 'import mmseg.models')), end='\n\n')
    with tempfile.TemporaryDirectory(prefix='startup_') as name:
        folder = Path(name)
        cfg = small_config(args.config, folder, tuple(args.size), batch=4)
        results = measure(
            starts(cfg, folder), args.starts, torch.get_num_threads()
        )
    fresh, resumed = results
    print('\n'.join(report(results, fresh)))
    difference = results[resumed].median - results[fresh].median
    print(f'\nresumed - fresh: {difference:+.2f} s')


if __name__ == '__main__':
    main()
