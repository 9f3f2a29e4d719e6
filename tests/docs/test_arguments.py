"""docs/configs.md and docs/api.md have every class that a config can name."""

import ast
import inspect
import re
from importlib import import_module

from config_keys import REGISTRIES
from mmengine.fileio.backends.registry_utils import backends
from support import ROOT

CONFIGS = (ROOT / 'docs' / 'configs.md').read_text('utf-8')
API = (ROOT / 'docs' / 'api.md').read_text('utf-8')
OURS = {
    name: cls
    for registry in REGISTRIES
    for name, cls in registry.module_dict.items()
    if cls.__module__.startswith('mmseg_classmix.')
}
ROW = re.compile(r'^\| `(\w+)` \| (?:`(.*?)`|(required)) \| \S', re.MULTILINE)


def tables():
    """Arguments and defaults that the page gives, by class."""
    page = CONFIGS.split('\n## Every argument')[1]
    sections = page.split('\n### ')[1:]
    return {
        section.split('\n')[0]: {
            name: inspect.Parameter.empty
            if required
            else ast.literal_eval(default)
            for name, default, required in ROW.findall(section)
        }
        for section in sections
        if ROW.search(section)
    }


TABLES = tables()


def arguments_of(cls):
    """What a class takes by itself, not what it passes on."""
    own = any(
        '__init__' in vars(base)
        for base in cls.__mro__
        if base.__module__.startswith('mmseg_classmix.')
    )
    parameters = inspect.signature(cls).parameters if own else {}
    return {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def test_page_has_arguments_and_defaults():
    expected = {name: arguments_of(cls) for name, cls in OURS.items()}
    assert TABLES == {name: args for name, args in expected.items() if args}
    without = CONFIGS.split('### Without arguments')[1]
    bare = [name for name, arguments in expected.items() if not arguments]
    assert not [name for name in bare if f'`{name}`' not in without]
    for name, backend in backends.items():
        if backend.__module__.startswith('mmseg_classmix.'):
            assert f'`{name}`' in CONFIGS


def test_reference_has_every_class():
    exported = set()
    for name in re.findall(r'automodule:: (\S+)', API):
        module = import_module(name)
        exported |= set(getattr(module, '__all__', ()))
    assert {cls.__name__ for cls in OURS.values()} <= exported
