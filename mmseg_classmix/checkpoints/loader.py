"""Checkpoints are data: nothing is executed; and which one is whole."""

import inspect
import os
import os.path as osp
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.runner import CheckpointLoader

_trusted: set[str] = set()
# The pages of the file are read when a tensor is used: here, never.
MMAP = (
    dict(mmap=True)
    if 'mmap' in inspect.signature(torch.load).parameters
    else {}
)
PARTS = ('meta', 'state_dict', 'optimizer', 'message_hub')
# Which parts of a checkpoint cannot be used, in one sentence; '' for none.
Check = Callable[[dict], str]


def trust_checkpoint(filename: str) -> None:
    """Let a checkpoint execute code when it is loaded.

    The option ``--trust`` of tools/train.py and tools/test.py calls it.

    Args:
        filename: File or address, as it is given to the config or the tool.
    """
    _trusted.add(_name(filename))


def read_checkpoint(
    filename: str, map_location: Any = None, **options: Any
) -> Any:
    """Read a local checkpoint with ``weights_only=True``.

    Args:
        filename: File that ``torch.save`` wrote.
        map_location: As for ``torch.load``.
        **options: More arguments of ``torch.load``.

    Returns:
        What was saved: tensors, numbers, strings, and containers of them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or needs to execute code and is
            not trusted.
    """
    path = osp.expanduser(filename)
    if not osp.isfile(path):
        raise FileNotFoundError(f'no checkpoint {osp.abspath(path)}')
    safe = _name(path) not in _trusted
    try:
        content = torch.load(
            path, map_location=map_location, weights_only=safe, **options
        )
    except UnpicklingError as error:
        raise ValueError(_refusal(filename, error)) from error
    except (RuntimeError, EOFError) as error:
        raise ValueError(
            f'checkpoint {filename} is damaged, or no checkpoint at all: '
            f'{_first_line(error)}'
        ) from error
    return _without_config(content)


def _name(filename: str) -> str:
    filename = str(filename)
    if '://' in filename:
        return filename
    return osp.realpath(osp.expanduser(filename))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _refusal(filename: str, error: Exception) -> str:
    return (
        f'checkpoint {filename} is damaged, or holds more than tensors and '
        'plain values, and would execute code to load it. If you trust who '
        f'made it, say so with --trust {filename} (tools/train.py, '
        'tools/test.py) or mmseg_classmix.checkpoints.trust_checkpoint(...). '
        f'torch: {_first_line(error)}'
    )


def _without_config(content: Any) -> Any:
    # On resume, mmengine executes the text of this entry as Python.
    if isinstance(content, dict) and isinstance(content.get('meta'), dict):
        content['meta'].pop('config', None)
    return content


@contextmanager
def _weights_only() -> Iterator[None]:
    """Make torch load tensors only, whatever the caller asks for."""
    key = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
    before = os.environ.get(key)
    os.environ[key] = '1'
    try:
        yield
    finally:
        del os.environ[key]
        if before is not None:
            os.environ[key] = before


def _guarded(loader: Callable) -> Callable:
    """Wrap a loader of mmengine for addresses, such as https://."""

    @wraps(loader)
    def load(filename: str, *args: Any, **kwargs: Any) -> Any:
        safe = _name(filename) not in _trusted
        try:
            with _weights_only() if safe else nullcontext():
                content = loader(filename, *args, **kwargs)
        except UnpicklingError as error:
            raise ValueError(_refusal(filename, error)) from error
        except OSError as error:
            raise ConnectionError(
                f'cannot fetch {filename}: {_first_line(error)}. Copy the '
                f'file into {torch.hub.get_dir()}/checkpoints, or give a '
                'local one where the config names it (checkpoint of an '
                'init_cfg, load_from). To start without pretrained weights, '
                'explicitly: --cfg-options model.backbone.init_cfg=None '
                '(model.segmentor.backbone.init_cfg=None for a '
                'MeanTeacherSegmentor)'
            ) from error
        return _without_config(content)

    load.guarded = True
    return load


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Load a file; mmengine shows the name of this function."""
    return read_checkpoint(filename, map_location)


def register_loaders() -> None:
    """Replace the loaders of mmengine, which fall back to executing code."""
    for prefix, loader in list(CheckpointLoader._schemes.items()):
        if prefix == '':
            ours = load_from_local
        elif getattr(loader, 'guarded', False):
            continue
        else:
            ours = _guarded(loader)
        CheckpointLoader.register_scheme(prefix, ours, force=True)


register_loaders()


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
    before, _, after = map(re.escape, template.partition('{}'))
    name = re.compile(f'{before}([0-9]+){after}')
    paths = folder.iterdir() if folder.is_dir() else ()
    matches = [(name.fullmatch(path.name), path) for path in paths]
    found = [(int(match[1]), path) for match, path in matches if match]
    refused = []
    for _, path in sorted(found, reverse=True):
        problem = find_problem(path, check)
        if not problem:
            return path, refused
        refused.append(f'{path} {problem}')
    return None, refused


def find_problem(path: Path, check: Check) -> str:
    """Say why a checkpoint cannot be resumed.

    First the checksums of the whole file, which ``torch.load`` does not look
    at; then structure and names, without the tensors.

    Args:
        path: File.
        check: See :func:`newest_checkpoint`.

    Returns:
        The end of a sentence that starts with the path; '' if it is fine.
    """
    try:
        if not zipfile.is_zipfile(path):
            return 'is cut short, or no checkpoint'
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
        if damaged:
            return f'is damaged: checksum of {damaged}'
        content = read_checkpoint(str(path), map_location='cpu', **MMAP)
        return _structure(content) or check(content)
    except (zipfile.BadZipFile, zlib.error) as error:
        return f'is damaged: {error}'
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
