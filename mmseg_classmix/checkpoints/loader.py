"""Checkpoints are data: nothing in them is executed."""

import os
import os.path as osp
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.runner import CheckpointLoader

_trusted: set[str] = set()


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


def _not_fetched(filename: str, error: Exception) -> str:
    return (
        f'cannot fetch {filename}: {_first_line(error)}. Copy the file into '
        f'{torch.hub.get_dir()}/checkpoints, or give a local one where the '
        'config names it (checkpoint of an init_cfg, load_from). To start '
        'without pretrained weights, explicitly: --cfg-options '
        'model.backbone.init_cfg=None (model.segmentor.backbone.init_cfg=None '
        'for a MeanTeacherSegmentor)'
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
        if before is None:
            del os.environ[key]
        else:
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
            raise ConnectionError(_not_fetched(filename, error)) from error
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
            CheckpointLoader.register_scheme(
                prefix, load_from_local, force=True
            )
        elif not getattr(loader, 'guarded', False):
            CheckpointLoader.register_scheme(
                prefix, _guarded(loader), force=True
            )


register_loaders()
