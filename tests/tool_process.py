"""Real processes of tools/*.py that do not pay for the imports each time."""

import gc
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import matplotlib.pyplot  # noqa: F401
import torch._dynamo  # noqa: F401
from mmseg.utils import register_all_modules
from support import ROOT, environment, load
from torch.distributed.elastic.utils.distributed import get_free_port

# What the tools import late: the server of the processes imports it once.
register_all_modules(init_default_scope=False)

_context = multiprocessing.get_context('forkserver')
_context.set_forkserver_preload(['tool_process', 'resume_support'])


def _run(tool, arguments, env, cwd, log):
    # mmengine collects garbage for every dataset: not what imports have made.
    gc.freeze()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = [tool, *arguments]
    sys.path.insert(0, str(Path(tool).parent))
    runpy.run_path(tool, run_name='__main__')


class ToolProcess:
    """A tool that runs, in one process or as several ranks on the CPU.

    Args:
        tool: Name in tools/, or a path.
        *arguments: Its command line.
        cwd: Folder to run in.
        logs: Folder that gets the output, log_RANK.txt; ``cwd`` by default.
        ranks: Number of processes.
        env: Variables of the environment.
    """

    def __init__(self, tool, *arguments, cwd, logs=None, ranks=1, env=None):
        arguments = [str(argument) for argument in arguments]
        env = [env or {}]
        if ranks > 1:
            arguments += ['--launcher', 'pytorch']
            common = dict(
                MASTER_ADDR='127.0.0.1',
                MASTER_PORT=get_free_port(),
                WORLD_SIZE=ranks,
            )
            env = [
                dict(env[0], **common, RANK=i, LOCAL_RANK=i)
                for i in range(ranks)
            ]
        self.logs = [Path(logs or cwd) / f'log_{i}.txt' for i in range(ranks)]
        for log in self.logs:
            log.unlink(missing_ok=True)
        # The server of the processes imports with what it inherits.
        os.environ['PYTHONPATH'] = environment()['PYTHONPATH']
        os.environ['OMP_NUM_THREADS'] = '1'
        self.processes = [
            _context.Process(
                target=_run,
                args=(
                    str(ROOT / 'tools' / tool),
                    arguments,
                    environment(**extra),
                    str(cwd),
                    str(log),
                ),
            )
            for extra, log in zip(env, self.logs, strict=True)
        ]
        for process in self.processes:
            process.start()

    def wait(self, timeout=300):
        """Wait for all ranks and return the exit codes; -9 for a kill."""
        for process in self.processes:
            process.join(timeout)
            if process.is_alive():
                for other in self.processes:
                    other.kill()
                raise AssertionError(f'hangs: {self.output}')
        return [process.exitcode for process in self.processes]

    @property
    def output(self):
        """What the ranks have printed."""
        return '\n'.join(log.read_text() for log in self.logs if log.exists())


def run_tool(tool, *arguments, cwd, ranks=1, codes=(0,)):
    """Run a tool to its end, check the exit codes, return the output."""
    process = ToolProcess(tool, *arguments, cwd=cwd, ranks=ranks)
    assert set(process.wait()) == set(codes), process.output
    return process.output


def run_python(tool, *arguments, cwd=None, **env):
    """Do what `run_process` does with a Python file, without its imports.

    For all but one run of a tool: that one shows that it imports what it
    needs.
    """
    with tempfile.TemporaryDirectory() as logs:
        process = ToolProcess(
            tool, *arguments, cwd=cwd or os.getcwd(), logs=logs, env=env
        )
        (code,) = process.wait()
        return subprocess.CompletedProcess(arguments, code, process.output)


def write_config(path, base, hooks=(), **options):
    """Write a config with more hooks and other values."""
    hooks = [dict(type='MeanTeacherHook'), *hooks]
    imports = dict(imports=['mmseg_classmix', 'resume_support'])
    lines = [
        f'_base_ = {str(base)!r}',
        f'custom_imports = {imports!r}',
        f'custom_hooks = {hooks!r}',
        *(f'{key} = {value!r}' for key, value in options.items()),
    ]
    path.write_text('\n'.join(lines) + '\n')
    return path


def arguments_for(work_dir, *more, ranks=1, workers=0):
    """Arguments of tools/train.py; the global batch has 4 images."""
    key, batch = 'train_dataloader', 4 // ranks
    return [
        '--work-dir',
        work_dir,
        *more,
        '--cfg-options',
        f'{key}.batch_size={batch}',
        f'{key}.sampler.batch_size={batch}',
        f'{key}.num_workers={workers}',
        f'{key}.persistent_workers={workers > 0}',
    ]


def undisturbed(config, end, arguments, tmp_path_factory):
    """Last checkpoint of an undisturbed run, by the number of processes."""

    @cache
    def get(ranks):
        folder = tmp_path_factory.mktemp(f'whole_{ranks}')
        options = arguments(folder, ranks=ranks)
        run_tool('train.py', config, *options, cwd=folder, ranks=ranks)
        return load(folder / f'iter_{end}.pth')

    return get
