"""Files of weights: those of others, read as untrusted data, and ours."""

import hashlib
import io
import re
import reprlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmseg_classmix.checkpoints.atomic_backend import AtomicLocalBackend

WRAPPERS = ('state_dict', 'model')
PREFIXES = ('module.', 'Scale.')


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file, executing nothing in it.

    Args:
        path: File of ``torch.save``, also of the format before PyTorch 1.6.

    Returns:
        Tensors by name; wrappers and common prefixes are taken off.

    Raises:
        ValueError: If it cannot be read or holds anything but tensors.
    """
    with open(path, 'rb') as file:
        try:
            state = torch.load(file, map_location='cpu', weights_only=True)
        # A damaged or hostile file may raise anything.
        except Exception as error:
            raise ValueError(
                f'{path} is damaged, or no file of tensors: {error}'
            ) from error
    state = _unwrap(state)
    if not (isinstance(state, dict) and state):
        # A plain repr of nested lists may be longer than the memory.
        content = reprlib.repr(state)
        raise ValueError(f'{path} holds {content:.80}, not tensors by name')
    others = [
        reprlib.repr(key) if not isinstance(key, str) else key
        for key, value in state.items()
        if not (isinstance(key, str) and isinstance(value, Tensor))
    ]
    if others:
        raise ValueError(f'{path}: not tensors: {", ".join(others[:5])}')
    for prefix in PREFIXES * len(PREFIXES):
        if all(key.startswith(prefix) for key in state):
            state = {k.removeprefix(prefix): v for k, v in state.items()}
    return state


def _unwrap(state: Any) -> Any:
    """Take the wrappers off; a dict may also be wrapped in itself."""
    seen = []
    while isinstance(state, dict) and not any(state is s for s in seen):
        seen.append(state)
        inner = [state[key] for key in WRAPPERS if key in state]
        state = inner[0] if inner else state
    return state


def file_hash(path: Path) -> str:
    """SHA-256 of a file of any size, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def check_named_hash(path: Path) -> str:
    """Hash a file; warn if its name, as PyTorch's do, has another hash.

    Args:
        path: File, such as resnet18-f37072fd.pth.

    Returns:
        SHA-256 in hexadecimal digits.
    """
    digest = file_hash(path)
    print(f'{path}: SHA-256 {digest}')
    named = re.search(r'-([0-9a-f]{8,64})\.\w+$', path.name)
    if named and not digest.startswith(named[1]):
        print(
            f'WARNING: by its name it should start with {named[1]}: the file '
            'may be damaged or another one'
        )
    return digest


def write_weights(
    path: Path, state: dict[str, Tensor], meta: dict[str, Any]
) -> None:
    """Write a checkpoint of weights, whole or not at all.

    Args:
        path: File to write; its folder is made if it is missing.
        state: Tensors by name.
        meta: Plain values about them.
    """
    file = io.BytesIO()
    torch.save(dict(meta=meta, state_dict=state), file)
    files = AtomicLocalBackend('Make room or choose another place')
    files.put(file.getvalue(), path)
