"""Python and config snippets of the documents do what a reader expects."""

import ast

import pytest
from config_keys import find_class, takes
from documents import PAGES, blocks_of
from mmengine.config import Config
from support import ROOT
from tool_process import run_python

BLOCKS = [b for p in PAGES for b in blocks_of(p) if b.kind == 'python']


def configs_in(tree):
    """Calls of dict(type='NAME', ...): the name and the other arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == (
            'dict'
        ):
            values = {keyword.arg: keyword.value for keyword in node.keywords}
            name = values.pop('type', None)
            if isinstance(name, ast.Constant):
                yield name.value, values


def is_config(tree):
    return all(isinstance(node, ast.Assign) for node in tree.body)


def test_types_and_arguments_exist():
    import kornia.augmentation

    found = [
        (block, *config)
        for block in BLOCKS
        for config in configs_in(ast.parse(block.text))
    ]
    for block, name, arguments in found:
        cls = find_class(name) or getattr(kornia.augmentation, name, None)
        if cls is None:
            # Defined by the page itself.
            page = (ROOT / block.place.split(':')[0]).read_text('utf-8')
            assert f'class {name}(' in page, f'{block.place}: {name}?'
            continue
        for argument in arguments:
            assert argument == '_delete_' or takes(cls, argument), (
                f'{block.place}: {name} takes no {argument}'
            )


# What the test of a page runs, it also puts into its place.
HERE = [block for block in BLOCKS if not block.tested]
CONFIGS = [block for block in HERE if '_base_' in block.text]


@pytest.mark.parametrize(
    'block', CONFIGS, ids=[block.place for block in CONFIGS]
)
def test_config_that_inherits_loads(block, tmp_path):
    value = ast.literal_eval(ast.parse(block.text).body[0].value)
    bases = [value] if isinstance(value, str) else value
    # Beside the file that it inherits, seen from configs/classmix.
    folders = ['.', 'configs/classmix', 'configs/_base_/models']
    for folder in folders:
        if all((ROOT / folder / base).is_file() for base in bases):
            break
    else:
        pytest.fail(f'{block.place}: no folder from which {bases} is a config')
    mirror(tmp_path, folder)
    path = tmp_path / folder / 'snippet.py'
    path.write_text(block.text)
    cfg = Config.fromfile(str(path))
    assert cfg.model.type in ('MeanTeacherSegmentor', 'EncoderDecoder')


def mirror(root, folder):
    """Links to all configs, in a tree that a file may be added to."""
    for path in (ROOT / 'configs').rglob('*.py'):
        link = root / path.relative_to(ROOT)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    (root / folder).mkdir(exist_ok=True)


PROGRAMS = [b for b in HERE if not is_config(ast.parse(b.text))]


@pytest.mark.parametrize(
    'block', PROGRAMS, ids=[block.place for block in PROGRAMS]
)
def test_program_runs(block, tmp_path):
    (tmp_path / 'program.py').write_text(block.text)
    done = run_python(tmp_path / 'program.py', cwd=tmp_path)
    assert done.returncode == 0, done.stdout
