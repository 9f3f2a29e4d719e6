"""Says in one message why the installed stack cannot work.

By metadata and file names only: broken stacks fail inside their imports.
"""

import re
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

try:
    from packaging.version import InvalidVersion, Version
except ModuleNotFoundError:
    Version, InvalidVersion = None, ValueError

# Module: (oldest version that works, the distributions that provide it).
MODULES = {
    'torch': ('2.0', ['torch']),
    'mmengine': ('0.10', ['onedl-mmengine', 'mmengine', 'mmengine-lite']),
    'mmcv': ('2.0.0rc4', ['onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full']),
    'mmseg': ('1.0', ['onedl-mmsegmentation', 'mmsegmentation']),
}
TOKENIZER = 'mmseg'  # an unrelated distribution with the same module name

HOW_TO_INSTALL = """\
Install ONE of the two stacks, in a fresh environment:
  OneDL, nothing to compile:
    pip install -r requirements.txt  (in a clone of mmseg_classmix), or
    pip install torch==2.13.0 onedl-mmengine==0.10.12 onedl-mmcv==2.3.6 \
onedl-mmsegmentation==1.4.2
  OpenMMLab, which compiles mmcv:
    pip install torch==2.13.0 'setuptools<81' wheel ninja psutil
    pip install mmengine==0.10.7
    MMCV_WITH_OPS=1 pip install --no-build-isolation mmcv==2.1.0
    pip install -r requirements/openmmlab.txt  (in a clone), or
    pip install mmsegmentation==1.2.2 ftfy regex"""


def check_stack() -> None:
    """Raise an ImportError unless one complete stack is installed.

    It has what was found and two ways to install.
    """
    found = {}
    for name in [n for _, ns in MODULES.values() for n in ns] + [TOKENIZER]:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    problems = _module_problems(found) + _stack_problems(found)
    if problems:
        names = ', '.join(f'{name} {found[name]}' for name in found)
        raise ImportError(
            'mmseg_classmix cannot work with the packages installed here:\n'
            + ''.join(f'  - {problem}\n' for problem in problems)
            + f'Found: {names or "nothing"}, in {sys.executable}\n'
            + HOW_TO_INSTALL
        )


def _module_problems(found: dict[str, str]) -> list[str]:
    """What is missing or too old, module by module."""
    problems = [] if Version else ['packaging is not installed']
    for module, (oldest, names) in MODULES.items():
        if not _folder(module):
            problems.append(f'{module} is missing ({" or ".join(names[:2])})')
        problems += [
            f'{name} {found[name]} is too old: {oldest} or later is needed'
            for name in names
            if name in found and _older(found[name], oldest)
        ]
    return problems


def _stack_problems(found: dict[str, str]) -> list[str]:
    """What does not go together."""
    onedl = [name for name in found if name.startswith('onedl-')]
    originals = [n for n in found if n.startswith('mm') and n != TOKENIZER]
    mmcv, mmseg = _folder('mmcv'), _folder('mmseg')
    if TOKENIZER in found:
        name = f'{TOKENIZER} {found[TOKENIZER]}'
        return [f'{name} is a Chinese tokenizer, in the way: uninstall it']
    if onedl and originals:
        both = ', '.join(onedl + originals)
        return [f'two stacks that overwrite each other: {both}']
    if mmseg and not (mmseg / 'registry').is_dir():
        return [f'{mmseg} is not MMSegmentation 1.x: it has no registry']
    if not (mmcv and mmseg and 'mmsegmentation' in found):
        return []
    if not any(mmcv.glob('_ext.*')):
        return ['mmsegmentation needs an mmcv with compiled ops (mmcv._ext)']
    text = (mmseg / '__init__.py').read_text(encoding='utf-8')
    limit = re.search(r"^MMCV_MAX = '(.+)'", text, re.MULTILINE)
    mmcv_version = found.get('mmcv')
    if limit and (mmcv_version == limit[1] or _older(limit[1], mmcv_version)):
        return [f'mmsegmentation refuses mmcv {limit[1]} and later']
    return []


def _folder(module: str) -> Path | None:
    """Folder of a module, which is not imported."""
    spec = find_spec(module)
    places = spec and spec.submodule_search_locations
    return Path(next(iter(places))) if places else None


def _older(found: str | None, other: str | None) -> bool:
    """Whether both versions are readable and the first is lower."""
    with suppress(InvalidVersion, TypeError):
        return Version(found) < Version(other)
    return False
