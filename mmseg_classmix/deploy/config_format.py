"""Plain values as the Python source of a config, to be read by people."""

from collections.abc import Iterator
from keyword import iskeyword
from typing import Any

WIDTH = 79
INDENT = '    '


class Reference(str):
    """The name of a variable that is defined above."""

    __slots__ = ()


def assignment(name: str, value: Any) -> str:
    """Write ``NAME = VALUE``, in one line where that fits.

    Args:
        name: Name of the variable.
        value: Numbers, texts, None, lists, tuples, dicts, and references.

    Returns:
        Python source; in dicts, ``type`` comes first.

    Raises:
        TypeError: If the value holds anything else.
    """
    return '\n'.join(_lines(f'{name} = ', value, '', ''))


def _lines(start: str, value: Any, end: str, indent: str) -> Iterator[str]:
    inline = f'{indent}{start}{_inline(value)}{end}'
    opening, items, closing = _parts(value)
    if len(inline) <= WIDTH or not items:
        yield inline
        return
    yield f'{indent}{start}{opening}'
    for key, item in items:
        yield from _lines(key, item, ',', indent + INDENT)
    yield f'{indent}{closing}{end}'


def _inline(value: Any) -> str:
    opening, items, closing = _parts(value)
    if closing:
        text = ', '.join(f'{key}{_inline(item)}' for key, item in items)
        single = ',' if opening == '(' and len(items) == 1 else ''
        return f'{opening}{text}{single}{closing}'
    if isinstance(value, Reference):
        return str(value)
    if value is None or isinstance(value, bool):
        return repr(value)
    # Subclasses, such as numbers of numpy, have a repr of their own.
    if isinstance(value, int | str):
        return repr(int(value) if isinstance(value, int) else str(value))
    if isinstance(value, float):
        text = repr(float(value))
        return f"float('{text}')" if text[-1] in 'fn' else text
    raise TypeError(
        f'the config has {value!r}, a {type(value).__name__}: a file can '
        'hold numbers, texts, None, lists and dicts only'
    )


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """Split a container into brackets and items with what precedes them."""
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0] != 'type')
        if all(map(_is_argument, value)):
            return 'dict(', [(f'{k}=', item) for k, item in items], ')'
        return '{', [(f'{k!r}: ', item) for k, item in items], '}'
    if isinstance(value, list | tuple):
        brackets = '[]' if isinstance(value, list) else '()'
        return brackets[0], [('', item) for item in value], brackets[1]
    return '', [], ''


def _is_argument(key: Any) -> bool:
    return isinstance(key, str) and key.isidentifier() and not iskeyword(key)
