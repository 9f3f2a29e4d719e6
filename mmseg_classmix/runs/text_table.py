"""Tables of text: for a terminal, Markdown or CSV."""

import csv
import io

STYLES = ('text', 'markdown', 'csv')


def render(rows: list[dict], style: str) -> str:
    """Lay out a table.

    Args:
        rows: At least one; values by heading, the same in all rows.
        style: One of ``STYLES``.

    Returns:
        Lines without a newline at the end.
    """
    table = [list(rows[0]), *([str(v) for v in r.values()] for r in rows)]
    if style == 'csv':
        out = io.StringIO()
        csv.writer(out, lineterminator='\n').writerows(table)
        return out.getvalue().rstrip('\n')
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rule = ['-' * width for width in widths]
    lines = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        for line in [table[0], rule, *table[1:]]
    ]
    if style == 'markdown':
        return '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    return '\n'.join('  '.join(line).rstrip() for line in lines)
