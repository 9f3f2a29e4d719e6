"""Weights published by others, read as untrusted data."""

import hashlib
import re
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

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
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f'{path} is damaged, or no file of tensors: {error}'
        ) from error
    while inner := [
        key for key in WRAPPERS if isinstance(state, dict) and key in state
    ]:
        state = state[inner[0]]
    if not (isinstance(state, dict) and state):
        raise ValueError(f'{path} holds {state!r:.80}, not tensors by name')
    others = [k for k, v in state.items() if not isinstance(v, Tensor)]
    if others:
        raise ValueError(f'{path}: not tensors: {", ".join(others[:5])}')
    for prefix in PREFIXES * len(PREFIXES):
        if all(key.startswith(prefix) for key in state):
            state = {k.removeprefix(prefix): v for k, v in state.items()}
    return state


def check_named_hash(path: Path) -> str:
    """Hash a file; warn if its name, as PyTorch's do, has another hash.

    Args:
        path: File, such as resnet18-f37072fd.pth.

    Returns:
        SHA-256 in hexadecimal digits.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f'{path}: SHA-256 {digest}')
    named = re.search(r'-([0-9a-f]{8,64})\.\w+$', path.name)
    if named and not digest.startswith(named[1]):
        print(
            f'WARNING: by its name it should start with {named[1]}: the file '
            'may be damaged or another one'
        )
    return digest
