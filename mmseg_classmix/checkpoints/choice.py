"""The newest checkpoint of a folder that is whole and fits."""

import inspect
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mmseg_classmix.checkpoints.loader import read_checkpoint

# The pages of the file are read when a tensor is used: here, never.
MMAP = (
    dict(mmap=True)
    if 'mmap' in inspect.signature(torch.load).parameters
    else {}
)
PARTS = ('meta', 'state_dict', 'optimizer', 'message_hub')
# Which parts of a checkpoint cannot be used, in one sentence; '' for none.
Check = Callable[[dict], str]


def newest_checkpoint(
    folder: Path, template: str, check: Check
) -> tuple[Path | None, list[str]]:
    """Find the checkpoint of the highest iteration that can be resumed.

    The file ``last_checkpoint`` of mmengine is not looked at: a kill can
    leave it empty.

    Args:
        folder: Where to look.
        template: Name of the checkpoints, such as 'iter_{}.pth'.
        check: Returns what is wrong with the content of a checkpoint.

    Returns:
        The file, or None; and one sentence for every newer file that cannot
        be resumed.
    """
    refused = []
    for path in _candidates(folder, template):
        problem = find_problem(path, check)
        if not problem:
            return path, refused
        refused.append(f'{path} {problem}')
    return None, refused


def find_problem(path: Path, check: Check) -> str:
    """Say why a checkpoint cannot be resumed.

    First the checksums of the whole file, which
    ``torch.load`` does not look at; then structure and names, without the
    tensors.

    Args:
        path: File.
        check: See :func:`newest_checkpoint`.

    Returns:
        The end of a sentence that starts with the path; '' if it is fine.
    """
    try:
        if not zipfile.is_zipfile(path):
            return 'is cut short, or no checkpoint'
        problem = _damage(path)
        if problem:
            return problem
        content = read_checkpoint(str(path), map_location='cpu', **MMAP)
        return _structure(content) or check(content)
    # A file that somebody else wrote may be wrong in any way.
    except Exception as error:
        return f'cannot be read: {type(error).__name__}: {error}'


def _structure(content: Any) -> str:
    if not isinstance(content, dict):
        return 'is no checkpoint of a training'
    missing = [
        part for part in PARTS if not isinstance(content.get(part), dict)
    ]
    if missing:
        return f'is no checkpoint of a training: it has no {missing[0]}'
    if not isinstance(content['meta'].get('iter'), int):
        return 'is no checkpoint of a training: it has no iteration'
    return ''


def _candidates(folder: Path, template: str) -> list[Path]:
    """Checkpoints by their names, the highest number first."""
    before, _, after = template.partition('{}')
    name = re.compile(f'{re.escape(before)}([0-9]+){re.escape(after)}')
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = name.fullmatch(path.name)
        if match:
            found.append((int(match[1]), path))
    return [path for _, path in sorted(found, reverse=True)]


def _damage(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
    except (zipfile.BadZipFile, zlib.error) as error:
        return f'is damaged: {error}'
    return f'is damaged: checksum of {damaged}' if damaged else ''
