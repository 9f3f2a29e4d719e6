"""Measure what several processes cost: who waits for what, and how long.

    python tools/benchmarks/processes.py CONFIG

Trains a config with tools/train.py in processes on the CPU (gloo), with
random weights and images, and divides the time of an iteration by what is
sent: gradients, statistics of batch norms (a part of the network: a bare
loop sends them, too), the exchange of images and labels for the mix, and all
else (counts of pixels, flags of hooks).

A process stands still in a call until the slowest process has come, and then
until the data are there. The k-th call of a kind is the same in all
processes: the one that comes last waits for the data only, so the shortest
time of all processes is that of the exchange, and what others wait beyond
that is work that takes longer elsewhere; it is a line of its own. Gradients
are sent while the backward pass goes on; their time is that during which a
bucket was under way.

Bytes are those that a process hands over an iteration. Below the table is
what the system has counted for it: an all-reduce over N processes sends
2 (N - 1) / N of the bytes, with N = 2 all of them.
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median

from small_run import ROOT, run_python, small_config
from traffic import GRADIENTS, KINDS, STATISTICS

WARM_UP = 2


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config')
    parser.add_argument('--processes', type=int, default=2)
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(64, 128),
        metavar=('HEIGHT', 'WIDTH'),
        help='of the random images',
    )
    parser.add_argument(
        '--batch', type=int, default=2, help='images of a process'
    )
    parser.add_argument('--iters', type=int, default=10)
    return parser.parse_args()


def train(args: argparse.Namespace, folder: Path) -> list[dict]:
    """Train and read what every process has recorded."""
    cfg = small_config(args.config, folder, tuple(args.size), args.batch)
    cfg.train_cfg.max_iters = WARM_UP + args.iters
    cfg.default_hooks.checkpoint.update(interval=-1, save_last=False)
    cfg.custom_imports.imports.append('traffic')
    hooks = [dict(type='Traffic'), dict(type='TrafficEnd')]
    cfg.custom_hooks = [*cfg.get('custom_hooks', ()), *hooks]
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.dump(folder / 'config.py')
    run_python(
        '-m',
        'torch.distributed.run',
        '--standalone',
        f'--nproc_per_node={args.processes}',
        ROOT / 'tools' / 'train.py',
        folder / 'config.py',
        '--launcher',
        'pytorch',
    )
    paths = [f'{cfg.work_dir}/traffic_{i}' for i in range(args.processes)]
    return [json.loads(Path(path).read_text()) for path in paths]


def divide(ranks: list[dict], iteration: int) -> dict[str, dict]:
    """Divide one iteration by kind.

    Returns:
        Messages, bytes and seconds of the exchange of every kind, and
        seconds that a process waits for another beyond it (mean).
    """
    parts = {}
    for kind in KINDS:
        calls = [
            [
                record
                for record in rank['records']
                if record['iteration'] == iteration and record['kind'] == kind
            ]
            for rank in ranks
        ]
        if kind == GRADIENTS:
            own, waited = min(map(_under_way, calls)), 0.0
        else:
            same = list(zip(*calls, strict=True))
            own = sum(min(c['seconds'] for c in call) for call in same)
            total = sum(c['seconds'] for call in same for c in call)
            waited = total / len(ranks) - own
        parts[kind] = dict(
            messages=len(calls[0]),
            bytes=sum(record['bytes'] for record in calls[0]),
            seconds=own,
            waited=waited,
        )
    return parts


def _under_way(records: list[dict]) -> float:
    """Seconds in which at least one of the messages is under way."""
    total, end = 0.0, 0.0
    for record in sorted(records, key=lambda record: record['start']):
        stop = record['start'] + record['seconds']
        total += max(0.0, stop - max(end, record['start']))
        end = max(end, stop)
    return total


def table(ranks: list[dict]) -> list[str]:
    """Lay out the medians over the iterations."""
    count = len(ranks[0]['iterations'])
    measured = range(WARM_UP, count)
    parts = [divide(ranks, i) for i in measured]
    times = [
        max(r['iterations'][i]['seconds'] for r in ranks) for i in measured
    ]
    whole = median(times)
    lines = [
        '| | messages | bytes | time (ms) | share |',
        '|---|---|---|---|---|',
    ]

    def add(name: str, messages: str, sent: str, seconds: float) -> None:
        lines.append(
            f'| {name} | {messages} | {sent} | {1e3 * seconds:.1f} '
            f'| {seconds / whole:.2%} |'
        )

    add('iteration', '', '', whole)
    for kind in KINDS:
        same = [part[kind] for part in parts]
        messages, sent = same[-1]['messages'], same[-1]['bytes']
        seconds = median(part['seconds'] for part in same)
        add(kind, str(messages), f'{sent:,}', seconds)
    waits = [sum(p['waited'] for p in part.values()) for part in parts]
    add('waiting for slower processes', '', '', median(waits))
    network = (GRADIENTS, STATISTICS)
    rest = [
        sum(part[kind]['seconds'] for kind in KINDS if kind not in network)
        for part in parts
    ]
    written = [r['iterations'][i]['written'] for r in ranks for i in measured]
    return [
        *lines,
        '',
        'everything but gradients and statistics of batch norms: '
        f'{median(rest) / whole:.2%}',
        f'bytes written by a process, of the system: {median(written):,.0f}',
    ]


def main() -> None:
    """Measure and print."""
    args = parse_args()
    with tempfile.TemporaryDirectory(prefix='processes_') as folder:
        print('\n'.join(table(train(args, Path(folder)))))


if __name__ == '__main__':
    main()
