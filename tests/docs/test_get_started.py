"""The commands of docs/get_started.md, as they stand there."""

import os
import shutil

import pytest
from documents import blocks_of, commands_of
from support import ROOT, load
from tool_process import run_python

from mmseg_classmix.demo.street_scenes import write_street_scenes

FILE = 'tests/docs/test_get_started.py'
PAGE = ROOT / 'docs' / 'get_started.md'


@pytest.fixture
def project(tmp_path):
    """A folder as the page has it after the quickstart, with fewer scenes."""
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    root = tmp_path / 'data' / 'street_scenes'
    write_street_scenes(root, dict(train=4, val=2))
    for kind in ('images', 'annotations'):
        folder = root / kind / 'train'
        for i in range(4, 416):
            drawn = folder / f'train_{i % 4:04d}.png'
            os.link(drawn, folder / f'train_{i:04d}.png')
    return tmp_path


def test_the_page_trains_tests_and_draws(project):
    blocks = [block for block in blocks_of(PAGE) if FILE in block.tested]
    (config,) = [block for block in blocks if block.kind == 'python']
    (project / 'my_classmix.py').write_text(config.text)
    commands = [
        command
        for block in blocks
        if block.kind == 'bash'
        for command in commands_of(block.place, block.text)
    ]
    outputs = []
    for command in commands:
        python, tool, *arguments = command.words
        assert python == 'python'
        tool = tool.removeprefix('tools/')
        done = run_python(tool, *arguments, cwd=project)
        assert done.returncode == 0, done.stdout
        outputs.append(done.stdout)
    log = outputs[0]
    # The names that the page explains.
    text = PAGE.read_text('utf-8')
    table = text.split('| name |')[1].split('\n\n')[0]
    names = [name for name in table.split('`') if set(name) & set('_./')]
    names = [name for name in names if ' ' not in name]
    assert len(names) == 8
    assert all(name in log for name in names)
    assert log.count('Iter(train)') == 4
    checkpoint = load(project / 'work_dirs/my_classmix/iter_20.pth')
    assert checkpoint['meta']['iter'] == 20
    assert list((project / 'predictions').rglob('*.png'))
    assert (project / 'mixes.png').is_file()
