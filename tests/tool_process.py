"""Real processes of tools/*.py that do not pay for the imports each time."""

import multiprocessing
import os
import runpy
import socket
import sys
from pathlib import Path

import matplotlib.pyplot  # noqa: F401
import torch._dynamo  # noqa: F401
from mmengine.config import config
from mmseg.utils import register_all_modules
from support import ROOT, environment
from yapf.yapflib import yapf_api

# What the tools import late: the server of the processes imports it once.
register_all_modules(init_default_scope=False)

_context = multiprocessing.get_context('forkserver')
_context.set_forkserver_preload(['tool_process', 'resume_support'])


def _run(tool, arguments, env, cwd, log):
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    # Most of a short run is laying out its config for the log.
    for module in (config, yapf_api):
        module.FormatCode = lambda text, **_: (text, True)
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = [tool, *arguments]
    runpy.run_path(tool, run_name='__main__')


class ToolProcess:
    """A tool that runs, in one process or as several ranks on the CPU.

    Args:
        tool: Name in tools/.
        *arguments: Its command line.
        cwd: Folder to run in, which also gets the output, log_RANK.txt.
        ranks: Number of processes.
    """

    def __init__(self, tool, *arguments, cwd, ranks=1):
        arguments = [str(argument) for argument in arguments]
        env = [{}]
        if ranks > 1:
            arguments += ['--launcher', 'pytorch']
            common = dict(
                MASTER_ADDR='127.0.0.1',
                MASTER_PORT=free_port(),
                WORLD_SIZE=ranks,
            )
            env = [dict(common, RANK=i, LOCAL_RANK=i) for i in range(ranks)]
        self.logs = [Path(cwd) / f'log_{i}.txt' for i in range(ranks)]
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

    def wait(self, timeout=100):
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


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]
