"""Configs as plain JSON, the same in every process and on every host."""

import math
import os
from collections.abc import Iterator
from functools import partial
from typing import Any


def plain(value: Any) -> Any:
    """Turn any value of a config into what JSON has.

    Tuples, sets and arrays become lists, keys become text; so do numbers that
    are not finite, classes, functions and other objects, without addresses in
    memory.
    """
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        # Their order depends on PYTHONHASHSEED.
        return sorted(map(plain, value), key=repr)
    if hasattr(value, 'tolist') and not isinstance(value, type):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return _text(value)


def _text(value: Any) -> str:
    """Name of a class or function, or text of another object."""
    if isinstance(value, partial):
        inner = value.func, *value.args, *value.keywords.items()
        return f'partial({", ".join(str(plain(part)) for part in inner)})'
    # The usual text of these is an address in memory.
    if not hasattr(value, '__qualname__'):
        if type(value).__repr__ is not object.__repr__:
            return repr(value)
        value = type(value)
    # Methods of built-in classes have no module.
    return f'{getattr(value, "__module__", None)}.{value.__qualname__}'


def flatten(value: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    """List dotted key and value of all in a plain nested config.

    A list without dicts and lists in it is one value: class weights differ
    once, not once a class.
    """
    items = ()
    if isinstance(value, dict) and value:
        items = value.items()
    elif isinstance(value, list) and any(
        isinstance(inner, dict | list) for inner in value
    ):
        items = enumerate(value)
    else:
        yield key, value
    for name, inner in items:
        yield from flatten(inner, f'{key}.{name}' if key else str(name))
