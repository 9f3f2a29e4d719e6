"""Commands of the documents name files, options and keys that exist.

All that can be said without running them: commands whose data are not here
are held to this, too.
"""

import ast
import glob
import re
import shlex
from functools import cache

import pytest
from config_keys import USUAL, knows, load
from documents import (
    COMMANDS,
    PAGES,
    blocks_of,
    commands_of,
    inline_code_of,
    place_of,
    tokens_of,
)
from mmengine.config import Config, DictAction
from support import ROOT, call_tool

from mmseg_classmix.preflight.problem import Start
from mmseg_classmix.preflight.settings import numbers_are_in_range

NAMES = [page.name for page in PAGES]
# Scripts, the tool that they call and their own arguments before its.
SCRIPTS = {
    'dist_train.sh': ('train.py', 2),
    'dist_test.sh': ('test.py', 3),
    'slurm_train.sh': ('train.py', 3),
    'slurm_test.sh': ('test.py', 4),
}
FOLDERS = ('configs', 'tools', 'docs', 'tests', 'requirements')
KEY_VALUE = re.compile(r'[a-z_]\w*(\.\w+)+=\S+')
# Upper case stands for what the reader puts there.
PLACEHOLDER = re.compile(r'(?<![a-z\d])[A-Z][A-Z_]+(?![a-z])')


def in_blocks(page):
    return [
        command
        for block in blocks_of(page)
        if block.kind == 'bash'
        for command in commands_of(block.place, block.text)
    ]


def inline(page):
    """Commands in running text; a file name alone is none."""
    return [
        command
        for place, text in inline_code_of(page)
        if re.match(r'(\w+=\S+ )*(python|bash|tools/\S+\.(sh|py)) .', text)
        for command in commands_of(place, text)
    ]


def expand(text):
    """{a,b} as the shell reads it."""
    match = re.search(r'\{([^{}]*,[^{}]*)\}', text)
    if not match:
        return [text]
    head, tail = text[: match.start()], text[match.end() :]
    return [
        whole
        for choice in match[1].split(',')
        for whole in expand(head + choice + tail)
    ]


def exists(path):
    """Whether a path, or one that it describes, is in the repository."""
    return all(
        glob.glob(str(ROOT / PLACEHOLDER.sub('*', name)))
        for name in expand(path)
    )


@cache
def options_of(tool):
    """Options that --help lists."""
    done = call_tool(tool, '--help')
    assert done.returncode == 0, f'{tool} --help: {done.stdout}'
    # Values of other options are in quotes or upper case.
    return set(re.findall(r'(?<![\w`])--?[a-z][\w-]*', done.stdout))


def tool_and_arguments(words):
    """The tool of tools/ that words call, and its arguments."""
    words = words[1:] if words[0].startswith(('python', 'bash')) else words
    path = words[0] if words else ''
    if not path.startswith('tools/'):
        return None, []
    name = path.removeprefix('tools/')
    if name in SCRIPTS:
        tool, own = SCRIPTS[name]
        return tool, words[1 : own + 1] + words[own + 1 :]
    return (name, words[1:]) if name.endswith('.py') else (None, [])


def split_overrides(words):
    """(words without them, KEY=VALUE words that follow --cfg-options)."""
    if '--cfg-options' not in words:
        return words, []
    start = words.index('--cfg-options')
    end = start + 1
    while end < len(words) and '=' in words[end]:
        end += 1
    return words[:start] + words[end:], words[start + 1 : end]


def check_overrides(command, words, overrides):
    """Hold KEY=VALUE words against the config that the command names."""
    named = [w for w in words if re.fullmatch(r'configs/.*\.py', w)]
    named = [w for w in named if (ROOT / w).is_file()]
    for word in overrides:
        key, _, value = word.partition('=')
        if key == 'KEY':
            continue
        found = [knows(load(name), key) for name in named or USUAL]
        assert any(found), f'{command.place}: nothing takes {key}'
        assert value, f'{command.place}: {key} has no value'
    for name in named:
        cfg = Config.fromfile(str(ROOT / name))
        pairs = [word.partition('=')[::2] for word in overrides]
        values = {key: DictAction._parse_iterable(v) for key, v in pairs}
        cfg.merge_from_dict(values)
        assert list(numbers_are_in_range(Start(cfg))) == []


def check_words(command):
    words, place = command.words, command.place
    first = words[0]
    assert first in COMMANDS or exists(first), f'{place}: what is {first}?'
    if first.startswith('python') and '-c' in words:
        compile(words[words.index('-c') + 1], place, 'exec')
        return
    if first.startswith('python') and '-' in words:
        ast.parse(words[-1])
        return
    tool, arguments = tool_and_arguments(words)
    arguments, overrides = split_overrides(arguments)
    if tool:
        assert (ROOT / 'tools' / tool).is_file(), f'{place}: no tools/{tool}'
        for word in arguments:
            option = word.partition('=')[0]
            if re.match(r'--?[a-z]', option):
                assert option in options_of(tool), (
                    f'{place}: {tool} has no {option}'
                )
    check_overrides(command, arguments, overrides)
    for word in [first, *words[1:]]:
        if word.startswith(tuple(f'{f}/' for f in FOLDERS)):
            # What a command is going to write.
            made = re.match(r'configs/splits/|docs/_build', word)
            assert made or exists(word), f'{place}: no {word}'


def check_path(place, text):
    """Hold a path in running text against the files."""
    word = text.split()[0] if text.split() else ''
    if re.match(rf'({"|".join(FOLDERS)}|mmseg_classmix)/\S', word):
        path = word.split('::')[0].rstrip(',')
        if not path.startswith(('mmseg_classmix/.mim', 'docs/_build')):
            assert exists(path), f'{place}: no {path}'


def check_keys(place, text):
    """Hold KEY=VALUE words in running text against the usual configs."""
    words = shlex.split(text) if KEY_VALUE.search(text) else []
    if all(KEY_VALUE.fullmatch(word) for word in words):
        for word in words:
            key = word.partition('=')[0]
            assert any(knows(load(name), key) for name in USUAL), (
                f'{place}: no config takes {key}'
            )


@pytest.mark.parametrize('page', PAGES, ids=NAMES)
def test_commands_paths_and_keys_exist(page, monkeypatch):
    for token in tokens_of(page):
        if token.type == 'code_block':
            place = place_of(page, token.map[0])
            pytest.fail(f'{place}: indented code: put ```bash around it')
    for command in in_blocks(page) + inline(page):
        with monkeypatch.context() as patch:
            for key, value in command.env.items():
                if key in ('ABLATION_BASE', 'CITYSCAPES_TRAIN'):
                    patch.setenv(key, value)
            check_words(command)
    for place, text in inline_code_of(page):
        check_path(place, text)
        check_keys(place, text)
