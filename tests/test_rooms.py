"""The rooms of the package: imports run down, never up or in a circle."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter

from support import ROOT

PACKAGE = ROOT / 'mmseg_classmix'
# From the top to the bottom; what each holds: CONTRIBUTING.md.
ROOMS = [
    'cli',
    'new_project',
    'deploy',
    'runs',
    'preflight',
    'engine',
    'visualization',
    'evaluation',
    'demo',
    'datasets',
    'models',
    'mixing',
    'checkpoints',
    'distributed',
]


def module_file(name):
    """File of a module or of a name in one; None if it is not ours."""
    while name.startswith('mmseg_classmix'):
        path = ROOT / name.replace('.', '/')
        for file in (path.with_suffix('.py'), path / '__init__.py'):
            if file.is_file():
                return file
        name = name.rpartition('.')[0]
    return None


def imported_files(path, nodes):
    """Files of ours that a file imports."""
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ''
            if node.level:
                folder = path.parents[node.level - 1].relative_to(ROOT)
                module = '.'.join([*folder.parts, module]).rstrip('.')
            names += [f'{module}.{alias.name}' for alias in node.names]
    return {file for name in names if (file := module_file(name))} - {path}


@cache
def trees():
    """The syntax tree of every file of the package."""
    return {
        path: ast.parse(path.read_text('utf-8'))
        for path in PACKAGE.rglob('*.py')
    }


def test_every_folder_is_a_room_of_the_list():
    folders = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert folders == set(ROOMS)
    assert not [path for path in trees() if 'utils' in path.parts]


def test_imports_run_down():
    up = set()
    for path, tree in trees().items():
        room, *rest = path.relative_to(PACKAGE).parts
        # Also those in functions.
        for file in imported_files(path, ast.walk(tree)) if rest else ():
            other, *inside = file.relative_to(PACKAGE).parts
            if inside and ROOMS.index(other) < ROOMS.index(room):
                up.add((path.relative_to(PACKAGE).as_posix(), other))
    assert up == set(), 'what is imported belongs further down'


def test_no_files_import_each_other_in_a_circle():
    # What an __init__.py collects is no use of it.
    graph = {
        path: imported_files(path, tree.body)
        for path, tree in trees().items()
        if path.name != '__init__.py'
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = [str(path.relative_to(PACKAGE)) for path in error.args[1]]
        raise AssertionError(' imports '.join(reversed(names))) from None
