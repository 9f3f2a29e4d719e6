"""Which models of the installed mmseg become semi-supervised.

    python tools/dev/try_models.py --out docs/compatible_models.md

trains every model config that mmseg ships for one step on random images,
alone and as student and teacher, predicts, and writes the table of this
stack. Without pretrained weights; each config in a process of its own, with
limits of time and memory. Other configs may be named instead.
"""

import argparse
import os
import resource
import shlex
import sys
import time
from contextlib import suppress
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import mmseg
import torch
from mmseg.utils import register_all_modules
from model_trial import VERDICTS, Outcome, try_model

# Families whose networks no file of _base_/models has: the first of each.
FAMILIES = (
    'ddrnet',
    'knet',
    'mae',
    'mask2former',
    'maskformer',
    'pidnet',
    'resnest',
    'san',
    'segnext',
)
HEAD = '| config | result | why |\n|---|---|---|\n'


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('configs', nargs='*', help='those of mmseg by default')
    parser.add_argument('--out', type=Path, help='document to put it in')
    parser.add_argument(
        '--sizes',
        type=int,
        nargs='+',
        default=[64, 256, 512],
        help='of the images; the next one if mmseg alone fails',
    )
    parser.add_argument('--seconds', type=float, default=300, help='limit')
    parser.add_argument('--gigabytes', type=float, default=12, help='limit')
    return parser.parse_args()


def shipped() -> list[Path]:
    """List the configs of mmseg that are tried by default."""
    root = Path(mmseg.__file__).parent / '.mim' / 'configs'
    firsts = [sorted((root / name).glob('*.py'))[0] for name in FAMILIES]
    return sorted((root / '_base_' / 'models').glob('*.py')) + firsts


def in_process(path: Path, args: argparse.Namespace) -> Outcome:
    """Try a config in a process that may hang or take too much."""
    context = get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(path, args, sender))
    process.start()
    sender.close()
    outcome = Outcome('error', f'more than {args.seconds:g} s')
    if receiver.poll(args.seconds):
        try:
            outcome = receiver.recv()
        except EOFError:
            process.join()
            outcome = Outcome('error', f'exit code {process.exitcode}')
    process.kill()
    process.join()
    return outcome


def _child(path: Path, args: argparse.Namespace, sender: Connection) -> None:
    limit = int(args.gigabytes * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    torch.manual_seed(0)
    sender.send(try_model(str(path), args.sizes))


def stack() -> str:
    """Name the installed packages."""
    names = []
    for name in ('mmsegmentation', 'mmengine', 'mmcv'):
        for distribution in (f'onedl-{name}', name):
            with suppress(PackageNotFoundError):
                names.append(f'{distribution} {version(distribution)}')
                break
    return ', '.join(names)


def section(outcomes: dict[str, Outcome], args: argparse.Namespace) -> str:
    """Format a section of the document."""
    count = {
        verdict: sum(o.verdict == verdict for o in outcomes.values())
        for verdict in VERDICTS
    }
    numbers = ', '.join(f'{verdict} {n}' for verdict, n in count.items() if n)
    command = shlex.join(['python', *sys.argv])
    rows = ''.join(
        f'| `{name}` | {o.verdict} | {_cell(o.why)} |\n'
        for name, o in outcomes.items()
    )
    return (
        f'## {stack()}\n\n{date.today()}, torch {torch.__version__}, '
        f'`{command}`: {numbers}.\n\n{HEAD}{rows}'
    )


def _cell(text: str) -> str:
    short = text if len(text) < 160 else f'{text[:157]}...'
    return short.replace('|', '\\|')


def write(path: Path, text: str) -> None:
    """Replace the section of this stack in a document, or append it."""
    heading = text.splitlines()[0]
    before = path.read_text('utf-8') if path.exists() else ''
    first, *parts = before.split('\n## ')
    kept = [f'## {p}' for p in parts if not f'## {p}'.startswith(heading)]
    blocks = [first, *kept, text]
    path.write_text(
        '\n\n'.join(b.strip() for b in blocks if b.strip()) + '\n', 'utf-8'
    )


def main() -> int:
    """Try the configs; 1 if one fails that mmseg alone trains."""
    args = parse_args()
    torch.set_num_threads(1)
    register_all_modules(init_default_scope=True)
    outcomes = {}
    for path in [Path(name) for name in args.configs] or shipped():
        started = time.monotonic()
        outcome = in_process(path, args)
        name = f'{path.parent.name}/{path.name}'
        outcomes[name] = outcome
        seconds = time.monotonic() - started
        print(f'{name}: {": ".join(filter(None, outcome))} ({seconds:.0f} s)')
    text = section(outcomes, args)
    if args.out:
        write(args.out, text)
    else:
        print(text)
    return int(any(o.verdict == 'error' for o in outcomes.values()))


if __name__ == '__main__':
    sys.exit(main())
