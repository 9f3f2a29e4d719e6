"""Every block of the documents is run by a test, or says what it needs."""

import ast
import re
import shlex
from pathlib import Path

from documents import (
    NEEDS,
    PAGES,
    blocks_of,
    commands_of,
)
from support import ROOT, call_tool
from tool_process import run_python

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
SHELL = [block for block in BLOCKS if block.kind == 'bash']


def names_in(path):
    """Names of the tests in a file."""
    tree = ast.parse(path.read_text('utf-8'))
    return {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}


def tools_of(text):
    """Names of the tools that a text calls, without suffix."""
    return set(re.findall(r'\btools/(?:\w+/)*(\w+)\.(?:py|sh)', text))


def test_every_command_is_tested_or_says_what_it_needs():
    bare = [block.place for block in SHELL if not block.needs + block.tested]
    assert not bare, 'put <!-- needs: ... --> or <!-- tested: ... --> before'


def test_needs_are_known_and_named_tests_exist_and_name_the_tools():
    for block in BLOCKS:
        assert set(block.needs) <= NEEDS, block.place
        for name in block.tested:
            file, _, test = name.partition('::')
            path = ROOT / file
            assert path.is_file(), f'{block.place}: no {file}'
            if test:
                assert test in names_in(path), f'{block.place}: no {test}'
    for block in SHELL:
        files = [ROOT / name.partition('::')[0] for name in block.tested]
        if files:
            text = ''.join(path.read_text('utf-8') for path in files)
            missing = [t for t in tools_of(block.text) if t not in text]
            # A test that takes the commands from the page names the page.
            page = block.place.split(':')[0].removeprefix('docs/')
            assert not missing or page in text, (block.place, missing)


# What follows runs commands that are nobody else's.


def test_printed_config_is_complete(tmp_path):
    (block,) = [b for b in SHELL if 'pretty_text' in b.text]
    python, option, code = shlex.split(block.text)
    assert (python, option) == ('python', '-c')
    (tmp_path / 'code.py').write_text(code)
    done = run_python(tmp_path / 'code.py', cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert "type='MeanTeacherSegmentor'" in done.stdout
    assert 'depth=18' in done.stdout and 'max_iters=3000' in done.stdout


def test_dry_run_writes_the_commands_of_a_row():
    (block,) = [b for b in SHELL if '--only' in b.text and '-run' in b.text]
    words = block.text.split()
    done = call_tool('run_table.py', *(w.strip("'") for w in words[2:]))
    commands = re.findall('^.*dist_train.sh.*$', done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout
    assert len(commands) == 3
    for seed, command in enumerate(commands):
        assert f'randomness.seed={seed}' in command
        assert f'1-8_{seed}_labeled.txt' in command


def test_converters_of_mmseg_are_where_the_page_says(tmp_path):
    (block,) = [b for b in SHELL if b.text.startswith('CONVERTERS=')]
    python, *_ = commands_of(block.place, block.text)
    (tmp_path / 'code.py').write_text(python.words[2])
    done = run_python(tmp_path / 'code.py', cwd=tmp_path)
    # The page cuts off what comes before, by tail -1.
    folder = done.stdout.splitlines()[-1]
    below = block.text.strip().rpartition(')')[2]
    for name in ('cityscapes.py', 'voc_aug.py'):
        assert Path(folder + below, name).is_file()


def test_operations_are_counted_as_the_page_says(tmp_path):
    (block,) = [b for b in SHELL if 'FlopCounterMode' in b.text]
    (python,) = commands_of(block.place, block.text)
    (tmp_path / 'code.py').write_text(python.words[-1])
    done = run_python(tmp_path / 'code.py', cwd=ROOT)
    assert done.returncode == 0, done.stdout
    page = (ROOT / 'docs' / 'scaling.md').read_text('utf-8')
    assert f'It printed {done.stdout.splitlines()[-1]}.' in page
