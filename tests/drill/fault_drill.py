"""Disturb trainings in many ways, resume them, and compare their weights.

Every training is a real process on drawn images: tools/train.py or
tools/dist_train.sh. See docs/fault_drill.md.
"""

import argparse
import os
import shutil
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

# For a start by hand: pytest has put this folder there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from drill.faults import kill, kill_save, lost_process, preempt
from drill.namespaces import full_disk, lost_host, why_no_disk, why_no_hosts
from drill.runs import TrialError
from drill.trial import Outcome, Trial, Workspace

FAULTS = dict(
    kill=kill,
    kill_save=kill_save,
    full_disk=full_disk,
    lost_process=lost_process,
    lost_host=lost_host,
    preempt=preempt,
)
# What says why a fault cannot be made on this machine, if it cannot.
NEEDS = dict(full_disk=why_no_disk, lost_host=why_no_hosts)


HEAD = (
    '| fault        | tried | survived | lost iterations | same weights |',
    '|--------------|-------|----------|-----------------|--------------|',
)


@dataclass
class Result:
    """What became of a trial."""

    name: str
    fault: str
    outcome: Outcome | None = None
    error: str = ''
    seconds: float = 0
    logs: list[Path] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether it was not survived, or other weights came out."""
        return self.outcome is None or bool(self.outcome.different)

    def line(self) -> str:
        """One line about the trial."""
        if self.outcome is None:
            text = self.error
        elif self.outcome.different:
            names = self.outcome.different
            text = f'{self.outcome.what}: {len(names)} differ: '
            text += ', '.join(names[:3])
        else:
            text = f'{self.outcome.what}, identical'
        return f'{self.name}: {text} ({self.seconds:.0f} s)'


def table(
    faults: Sequence[str],
    results: Mapping[str, list[Result]],
    skipped: Mapping[str, str],
) -> str:
    """Format what became of all trials."""
    lines = list(HEAD)
    for fault in faults:
        if fault in skipped:
            lines.append(f'| {fault:12} | skipped: {skipped[fault]} | | | |')
            continue
        done = results.get(fault, [])
        outcomes = [r.outcome for r in done if r.outcome]
        lost = [outcome.lost for outcome in outcomes]
        identical = sum(not outcome.different for outcome in outcomes)
        span = '-'
        if lost:
            span = f'{min(lost)}-{max(lost)}, mean {sum(lost) / len(lost):.1f}'
        lines.append(
            f'| {fault:12} | {len(done):5} | {len(outcomes):8} '
            f'| {span:15} | {identical:12} |'
        )
    return '\n'.join(lines)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--trials', type=int, default=12, help='of all faults, in turn'
    )
    parser.add_argument(
        '--faults', nargs='+', choices=FAULTS, default=list(FAULTS)
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/fault_drill')
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--jobs',
        type=int,
        default=len(os.sched_getaffinity(0)),
        help='trials at a time',
    )
    args = parser.parse_args(argv)
    for name in ('trials', 'jobs'):
        if getattr(args, name) < 1:
            parser.error(f'--{name} {getattr(args, name)} must be at least 1')
    return args


def deal(names: list[str], count: int) -> list[tuple[str, int]]:
    """Deal trials to faults in turn: (fault, its how-many-th trial)."""
    return [(names[i % len(names)], i // len(names)) for i in range(count)]


def attempt(trial: Trial) -> Result:
    """Run a trial; whatever happens is its result."""
    started = time.monotonic()
    result = Result(trial.name, trial.fault)
    try:
        result.outcome = FAULTS[trial.fault](trial)
    except TrialError as error:
        result.error = str(error)
    # A bug of the drill is no success either.
    except Exception:
        result.error = traceback.format_exc()
    result.seconds = time.monotonic() - started
    folder = trial.workspace.root / trial.name
    for run in trial.workspace.runs:
        if run.folder == folder:
            run.group.kill()
    if result.failed:
        result.logs = sorted(folder.glob('*.log'))
    else:
        shutil.rmtree(folder)
    return result


def drill(args: argparse.Namespace, names: list[str]) -> list[Result]:
    """Run the trials, several at a time, and show them as they end."""
    workspace = Workspace(args.work_dir)
    workspace.prepare()
    trials = [
        Trial(name, index, workspace, args.seed)
        for name, index in deal(names, args.trials)
    ]
    pool, results = ThreadPoolExecutor(args.jobs), []
    try:
        for future in as_completed([pool.submit(attempt, t) for t in trials]):
            results.append(future.result())
            print(results[-1].line(), flush=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        workspace.close()
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Run the drill."""
    args = parse_args(argv)
    started = time.monotonic()
    reasons = {name: NEEDS[name]() for name in args.faults if name in NEEDS}
    skipped = {name: reason for name, reason in reasons.items() if reason}
    names = [name for name in args.faults if name not in skipped]
    results: dict[str, list[Result]] = defaultdict(list)
    for result in drill(args, names) if names else []:
        results[result.fault].append(result)
    print('\n' + table(args.faults, results, skipped))
    failed = [r for name in names for r in results[name] if r.failed]
    for result in failed:
        print(f'FAILED {result.line()}')
        for path in result.logs:
            print(f'  log: {path}')
    print(f'{time.monotonic() - started:.0f} s, {args.jobs} trials at a time')
    return int(bool(failed) or not names)


if __name__ == '__main__':
    sys.exit(main())
