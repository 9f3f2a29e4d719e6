"""Configs that runs have dumped, read without executing them."""

import ast
from pathlib import Path
from typing import Any

from mmengine.config import Config

# mmengine writes them as bare names.
_NUMBERS = dict(inf=float('inf'), nan=float('nan'))


def read_plain_config(path: str | Path) -> Config:
    """Read a config as mmengine dumps it: names and plain values.

    ``Config.fromfile`` runs the file as a program, which is right for the
    configs that one writes, and wrong for a work directory that somebody
    sends.

    Args:
        path: File with nothing but ``NAME = VALUE`` in it; values are
            numbers, texts, None, lists, tuples, sets and dicts, which may be
            written ``dict(KEY=VALUE)``.

    Returns:
        The config.

    Raises:
        ValueError: If the file holds anything else; nothing is executed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding='utf-8')
        statements = ast.parse(text).body
    # Nested deeply enough, a text exhausts the parser.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(
            f'{path} is no config that a run has dumped: {error}'
        ) from error
    values = {}
    for statement in statements:
        try:
            name, values[name] = _assignment(statement)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            source = ast.get_source_segment(text, statement) or ''
            raise ValueError(
                f'{path}, line {statement.lineno}: {source[:60]!r} is not '
                'NAME = VALUE with plain values, which is all that a dumped '
                'config has; it is not executed'
            ) from error
    return Config(values)


def _assignment(statement: ast.stmt) -> tuple[str, Any]:
    """Evaluate ``NAME = VALUE``; raises a ValueError for anything else."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        raise ValueError('no assignment')
    target = statement.targets[0]
    # Without its bases a config would be another one.
    if not isinstance(target, ast.Name) or target.id == '_base_':
        raise ValueError('no plain name')
    return target.id, ast.literal_eval(_Literals().visit(statement.value))


class _Literals(ast.NodeTransformer):
    """Write what mmengine dumps in the way that literal_eval reads."""

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        """Turn ``dict(KEY=VALUE)`` into ``{'KEY': VALUE}``."""
        self.generic_visit(node)
        keys = [keyword.arg for keyword in node.keywords]
        is_dict = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        if not is_dict or node.args or None in keys:
            return node
        values = [keyword.value for keyword in node.keywords]
        return ast.Dict([ast.Constant(key) for key in keys], values)

    def visit_Name(self, node: ast.Name) -> ast.AST:  # noqa: N802
        """Turn ``inf`` and ``nan`` into numbers."""
        if node.id in _NUMBERS:
            return ast.Constant(_NUMBERS[node.id])
        return node
