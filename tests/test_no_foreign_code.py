"""Nothing that we ship runs what it reads: what ruff's S rules cannot see."""

import ast

import pytest
from support import ROOT

REFUSED = {
    '__import__',
    'importlib.import_module',
    'joblib.load',
    'mmengine.fileio.load',
    'mmengine.load',
    'runpy.run_path',
    'torch.hub.load',
    'torch.jit.load',
}
# What may stand there all the same, and why.
ALLOWED = {
    # Unless the user says --trust FILE.
    (
        'mmseg_classmix/checkpoints/loader.py',
        'torch.load without weights_only=True',
    ),
}
# Files that run a config as a program, and whose it is. A folder that
# somebody sends is never among them: runs are read from run.json.
READS_CONFIGS = {
    'mmseg_classmix/deploy/export.py': 'what it has just written',
    'mmseg_classmix/new_project/network.py': 'ours',
    'mmseg_classmix/new_project/model_config.py': 'on the command line',
    'mmseg_classmix/cli/options.py': 'named on the command line',
    'mmseg_classmix/runs/groups.py': '--configs, ours by default',
    'mmseg_classmix/runs/table_commands.py': '--configs, ours by default',
    'tools/analysis_tools/browse_mixes.py': 'named on the command line',
    'tools/analysis_tools/class_distribution.py': 'on the command line',
    'tools/analysis_tools/label_contamination.py': 'on the command line',
    'tools/benchmarks/computed_memory.py': 'named on the command line',
    'tools/benchmarks/data.py': 'named on the command line',
    'tools/benchmarks/settings.py': 'named on the command line',
    'tools/benchmarks/small_config.py': 'named on the command line',
    'tools/dataset_converters/check_dataset.py': 'on the command line',
    'tools/dataset_converters/resize_dataset.py': 'on the command line',
    'tools/make_splits.py': 'named on the command line',
    'tools/model_converters/deeplab_coco.py': 'ours',
    'tools/quickstart.py': 'ours',
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
        if not is_constant(keywords, 'allow_pickle', False):
            if name == 'numpy.load' or 'allow_pickle' in keywords:
                yield node.lineno, f'{name} without allow_pickle=False'
        safe_weights = is_constant(keywords, 'weights_only', True)
        if name == 'torch.load' and not safe_weights:
            yield node.lineno, 'torch.load without weights_only=True'
        if name.endswith('Config.fromfile'):
            yield node.lineno, 'Config.fromfile'


def test_no_file_runs_what_it_reads():
    found = []
    for folder in ('mmseg_classmix', 'tools'):
        for path in sorted((ROOT / folder).rglob('*.py')):
            name = path.relative_to(ROOT).as_posix()
            found += [
                f'{name}:{line}: {what}'
                for line, what in uses_of(path.read_text('utf-8'))
                if (name, what) not in ALLOWED
                and not (what == 'Config.fromfile' and name in READS_CONFIGS)
            ]
    assert not found


def test_no_exception_is_of_the_past():
    missing = [n for n in READS_CONFIGS if not (ROOT / n).is_file()]
    assert not missing


@pytest.mark.parametrize(
    ('line', 'what'),
    [
        ('f = __import__', '__import__'),
        ('import runpy as r; r.run_path(x)', 'runpy.run_path'),
        ('from torch.hub import load as f; f(x)', 'torch.hub.load'),
        ('import numpy as np; np.load(x)', 'without allow_pickle'),
        ('import numpy; numpy.save(x, allow_pickle=y)', 'without allow_pi'),
        ('from torch import load as f; f(x)', 'without weights_only'),
        ('import torch; torch.load(x, weights_only=a)', 'without weights'),
        ('from mmengine import Config; Config.fromfile(x)', 'fromfile'),
    ],
)
def test_the_check_itself_finds_what_it_looks_for(line, what):
    assert any(what in found for _, found in uses_of(line))


def test_the_check_itself_lets_safe_calls_pass():
    text = (
        'import numpy as np, torch\n'
        'np.load(x, allow_pickle=False)\n'
        'torch.load(x, weights_only=True)\n'
        'np.load(x, mmap_mode=y, allow_pickle=False)\n'
    )
    assert not list(uses_of(text))
