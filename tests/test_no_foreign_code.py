"""Nothing that we ship runs what it reads, or hands it to a shell."""

import ast

import pytest
from support import ROOT

FILES = sorted(
    path
    for folder in ('mmseg_classmix', 'tools')
    for path in (ROOT / folder).rglob('*.py')
)
REFUSED = {
    'eval',
    'exec',
    'compile',
    '__import__',
    'os.system',
    'os.popen',
    'subprocess.getoutput',
    'subprocess.getstatusoutput',
    'asyncio.create_subprocess_shell',
    'pickle.load',
    'pickle.loads',
    'pickle.Unpickler',
    'pickle._Unpickler',
    'marshal.load',
    'marshal.loads',
    'shelve.open',
    'dill.load',
    'joblib.load',
    'pandas.read_pickle',
    'yaml.load',
    'yaml.unsafe_load',
    'yaml.full_load',
    'runpy.run_path',
    'importlib.import_module',
    'mmengine.load',
    'mmengine.fileio.load',
    'torch.hub.load',
    'torch.jit.load',
}
# What may stand there all the same, and why.
ALLOWED = {
    # Its find_class knows nothing but stand-ins of its own.
    ('mmseg_classmix/datasets/index_list.py', 'pickle._Unpickler'),
    # Unless the user says --trust FILE.
    (
        'mmseg_classmix/checkpoints/loader.py',
        'torch.load without weights_only=True',
    ),
}
# Files that run a config as a program, and whose it is. A folder that
# somebody sends is never among them: fileio/plain_config.py reads those.
READS_CONFIGS = {
    'mmseg_classmix/deploy/export.py': 'what it has just written',
    'mmseg_classmix/new_project/network.py': 'ours',
    'mmseg_classmix/new_project/model_config.py': 'on the command line',
    'mmseg_classmix/cli/options.py': 'named on the command line',
    'mmseg_classmix/runs/groups.py': '--configs, ours by default',
    'mmseg_classmix/runs/jobs.py': '--configs, ours by default',
    'tools/analysis_tools/browse_mixes.py': 'named on the command line',
    'tools/analysis_tools/class_distribution.py': 'on the command line',
    'tools/analysis_tools/label_contamination.py': 'on the command line',
    'tools/benchmarks/computed_memory.py': 'named on the command line',
    'tools/benchmarks/data.py': 'named on the command line',
    'tools/benchmarks/settings.py': 'named on the command line',
    'tools/benchmarks/small_config.py': 'named on the command line',
    'tools/dataset_converters/check_dataset.py': 'on the command line',
    'tools/dataset_converters/resize_dataset.py': 'on the command line',
    'tools/dev/model_trial.py': "mmseg's, or named on the command line",
    'tools/make_splits.py': 'named on the command line',
    'tools/model_converters/deeplab_coco.py': 'ours',
    'tools/quickstart_picture.py': 'ours',
}


def imported_names(tree):
    """Full names by the names that a file uses for them."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                name = item.name if item.asname else item.name.split('.')[0]
                names[item.asname or name] = name
        elif isinstance(node, ast.ImportFrom):
            for item in node.names:
                name = f'{node.module}.{item.name}'
                names[item.asname or item.name] = name
    return names


def full_name(node, names):
    """Name of what is used, as imported; None for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        start = full_name(node.value, names)
        return start and f'{start}.{node.attr}'
    return None


def is_constant(keywords, name, value):
    node = keywords.get(name)
    return isinstance(node, ast.Constant) and node.value is value


def uses_of(text):
    """What a file must not do, as (line, what)."""
    tree = ast.parse(text)
    names = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = full_name(node, names)
            if name in REFUSED:
                yield node.lineno, name
        if not isinstance(node, ast.Call):
            continue
        name = full_name(node.func, names) or ''
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        safe_shell = is_constant(keywords, 'shell', False)
        if 'shell' in keywords and not safe_shell:
            yield node.lineno, f'{name}(shell=...)'
        safe_arrays = is_constant(keywords, 'allow_pickle', False)
        if name == 'numpy.load' and not safe_arrays:
            yield node.lineno, 'numpy.load without allow_pickle=False'
        if 'allow_pickle' in keywords and not safe_arrays:
            yield node.lineno, f'{name}(allow_pickle=...)'
        safe_weights = is_constant(keywords, 'weights_only', True)
        if name == 'torch.load' and not safe_weights:
            yield node.lineno, 'torch.load without weights_only=True'
        if name.endswith('Config.fromfile'):
            yield node.lineno, 'Config.fromfile'


@pytest.mark.parametrize(
    'path', FILES, ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_file_runs_what_it_reads(path):
    name = str(path.relative_to(ROOT))
    found = [
        f'line {line}: {what}'
        for line, what in uses_of(path.read_text(encoding='utf-8'))
        if (name, what) not in ALLOWED
        and not (what == 'Config.fromfile' and name in READS_CONFIGS)
    ]
    assert not found


@pytest.mark.parametrize(
    ('line', 'what'),
    [
        ('eval(x)', 'eval'),
        ('f = exec', 'exec'),
        ('import os as o; o.system(x)', 'os.system'),
        ('from os import popen as p; p(x)', 'os.popen'),
        ('from pickle import loads; loads(x)', 'pickle.loads'),
        ('import subprocess as s; s.run(x, shell=True)', 'run(shell=...)'),
        ('from subprocess import call; call(x, shell=y)', 'call(shell=...)'),
        ('import numpy as np; np.load(x)', 'without allow_pickle'),
        ('import numpy; numpy.load(x, allow_pickle=True)', 'allow_pickle='),
        ('import torch; torch.load(x)', 'without weights_only'),
        ('import torch; torch.load(x, weights_only=a)', 'without weights'),
        ('from torch import load as f; f(x)', 'without weights_only'),
        ('import yaml; yaml.load(x)', 'yaml.load'),
        ('from mmengine import Config; Config.fromfile(x)', 'fromfile'),
    ],
)
def test_the_check_itself_finds_what_it_looks_for(line, what):
    assert any(what in found for _, found in uses_of(line))


def test_the_check_itself_lets_safe_calls_pass():
    text = (
        'import subprocess, numpy as np, torch\n'
        'subprocess.run([x], shell=False)\n'
        'np.load(x, allow_pickle=False)\n'
        'torch.load(x, weights_only=True)\n'
        'model.eval()\nre.compile(x)\n'
    )
    assert not list(uses_of(text))
