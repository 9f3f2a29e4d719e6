"""Train every run of a table, or print the commands.

    python tools/run_table.py cityscapes --dry-run
    python tools/run_table.py ablations --only 'ablations/cow*' --gpus 1
    python tools/run_table.py voc12aug --slurm gpu --resume
    OMP_NUM_THREADS=1 python tools/run_table.py camvid --gpus 1 --jobs 2

Tables: cityscapes (Table 1), voc12aug (Table 2), ablations (Table 3; its
first two rows are runs of Table 1); camvid and quickstart
(docs/experiments.md). A run is in WORK_DIR/TABLE/CONFIG/seed_SEED; finished
ones are skipped. The processes share the batch of the table, whatever their
number.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from torch.distributed.elastic.utils.distributed import get_free_port

# The OneDL packages print when they are imported: not among the commands.
with contextlib.redirect_stdout(sys.stderr):
    from mmseg_classmix.runs.experiments import TABLES
    from mmseg_classmix.runs.run import read_run
    from mmseg_classmix.runs.table_commands import (
        BEGUN,
        FINISHED,
        Job,
        command_line,
        experiments_of,
        plan,
    )

TOOLS = Path(__file__).resolve().parent


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('table', choices=list(TABLES))
    parser.add_argument(
        '--dry-run', action='store_true', help='print the commands only'
    )
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--gpus', type=int, default=2, help='processes a run')
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        metavar='N',
        help='runs that train side by side and share the cores or GPUs of '
        'this machine; their output goes to train.log in each work directory',
    )
    parser.add_argument(
        '--only',
        nargs='+',
        default=[],
        metavar='PATTERN',
        help="configs, such as 'classmix/*' or '*_1-8'",
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on with runs that were begun; they are left alone otherwise, '
        'as they may be running',
    )
    parser.add_argument(
        '--slurm',
        metavar='PARTITION',
        help='submit all runs at once through tools/slurm_train.sh, instead '
        'of training one after the other here',
    )
    parser.add_argument(
        '--keep-going',
        action='store_true',
        help='go on with the next run after a failure',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs'))
    parser.add_argument(
        '--configs',
        type=Path,
        default=TOOLS.parent / 'configs',
        help='folder of configs with the same names',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='passed on to every run',
    )
    args = parser.parse_args(argv)
    if args.gpus < 1:
        parser.error(f'--gpus {args.gpus} must be at least 1')
    if args.jobs < 1:
        parser.error(f'--jobs {args.jobs} must be at least 1')
    if args.jobs > 1 and args.slurm:
        parser.error('--slurm submits all runs at once: leave --jobs out')
    if args.jobs > 1 and os.environ.get('NNODES', '1') != '1':
        parser.error(
            f'--jobs {args.jobs} is for one machine, and NNODES='
            f'{os.environ["NNODES"]}: leave --jobs out'
        )
    if len(set(args.seeds)) < len(args.seeds):
        parser.error(f'--seeds {args.seeds}: each once')
    return args


def select(jobs: list[Job], resume: bool) -> list[Job]:
    """Leave out what is finished or may be running, and say so."""
    chosen = []
    for job in jobs:
        if job.status == FINISHED:
            say(f'finished: {job.work_dir}')
        elif job.status == BEGUN and not resume:
            say(f'begun, --resume goes on with it: {job.work_dir}')
        else:
            chosen.append(job)
    return chosen


def name_missing(jobs: list[Job]) -> bool:
    """Name files that are not there; returns whether there are any."""
    missing = sorted({path for job in jobs for path in job.missing})
    for path in missing:
        say(f'missing: {path}')
    if any(path.suffix == '.txt' for path in missing):
        say('tools/make_splits.py writes lists of names: docs/datasets.md')
    return bool(missing)


def train_here(
    jobs: list[Job], gpus: int, side_by_side: int, keep_going: bool
) -> list[Job]:
    """Train some runs at a time; returns those that failed.

    None outlives this process, whatever ends it but a kill.
    """
    waiting, running, failed = list(jobs), [], []
    try:
        while True:
            stopped = failed and not keep_going
            if waiting and not stopped and len(running) < side_by_side:
                job = waiting.pop(0)
                env, words = job.command(TOOLS, gpus, None)
                log_name = None
                if side_by_side > 1:
                    env['PORT'] = str(get_free_port())
                    log_name = 'train.log'
                running.append((job, start(job, env, words, log_name)))
            elif running:
                time.sleep(0.2)
                ended = [(j, p) for j, p in running if p.poll() is not None]
                running = [pair for pair in running if pair not in ended]
                failed += [
                    j for j, p in ended if not ended_well(j, p.returncode)
                ]
            else:
                return failed
    finally:
        for _, process in running:
            process.terminate()
        for _, process in running:
            process.wait()


def start(
    job: Job, env: dict[str, str], words: list[str], log_name: str | None
) -> subprocess.Popen:
    """Start a run that writes to a file in its work directory, or here."""
    line, env = command_line(env, words), {**os.environ, **env}
    if log_name is None:
        say(line)
        return subprocess.Popen(words, env=env)
    job.work_dir.mkdir(parents=True, exist_ok=True)
    log = job.work_dir / log_name
    say(f'{line} >> {log}')
    with open(log, 'a') as file:
        return subprocess.Popen(
            words, env=env, stdout=file, stderr=subprocess.STDOUT
        )


def submit(jobs: list[Job], gpus: int, partition: str) -> list[Job]:
    """Submit all runs and wait; returns those that failed."""
    processes = []
    for job in jobs:
        env, words = job.command(TOOLS, gpus, partition)
        processes.append(start(job, env, words, 'slurm.log'))
    return [
        job
        for job, process in zip(jobs, processes, strict=True)
        if not ended_well(job, process.wait())
    ]


def ended_well(job: Job, code: int) -> bool:
    """Whether a run is finished, by its record and not by its word."""
    if code:
        say(f'failed with exit code {code}: {job.work_dir}')
        return False
    run = read_run(job.work_dir)
    if run is None or not run.finished:
        say(
            f'ended, but its run.json has no validation at the last '
            f'iteration: '
            f'{job.work_dir}; if its last checkpoint is that of the last '
            'iteration, let last_checkpoint name an earlier one and --resume'
        )
        return False
    return True


def say(text: str) -> None:
    """Write to stderr: stdout is for the commands."""
    print(text, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, or print what would be run."""
    args = parse_args(argv)
    # Python ends without it, and runs go on that nobody waits for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        # mmengine logs what it reads from the environment.
        with contextlib.redirect_stdout(sys.stderr):
            jobs = plan(
                experiments_of(args.table, args.only),
                args.seeds,
                args.gpus,
                args.configs.resolve(),
                args.work_dir,
                args.cfg_options,
            )
    except ValueError as error:
        sys.exit(f'error: {error}')
    jobs = select(jobs, args.resume)
    missing = name_missing(jobs)
    if args.dry_run:
        for job in jobs:
            print(command_line(*job.command(TOOLS, args.gpus, args.slurm)))
        return
    if missing:
        sys.exit('error: nothing was started')
    if args.slurm:
        failed = submit(jobs, args.gpus, args.slurm)
    else:
        failed = train_here(jobs, args.gpus, args.jobs, args.keep_going)
    if failed:
        names = '\n'.join(str(job.work_dir) for job in failed)
        sys.exit(f'error: {len(failed)} of {len(jobs)} failed:\n{names}')


if __name__ == '__main__':
    main()
