"""The table of docs/errors.md, which has a row for each of these tests."""

import re
from typing import NamedTuple

from support import ROOT

DOCUMENT = ROOT / 'docs' / 'errors.md'
FOUND = ('start', 'reading', 'log', 'never')


class Row(NamedTuple):
    """What the documentation says of one mistake."""

    found: str
    check: str
    text: str


def read_table():
    """Rows of all tables of the document, by what is wrong."""
    rows = {}
    for line in DOCUMENT.read_text('utf-8').splitlines():
        cells = [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]
        if len(cells) != 4 or cells[1] not in FOUND:
            continue
        assert cells[0] not in rows, f'two rows {cells[0]!r}'
        rows[cells[0]] = Row(*cells[1:])
    return rows


ROWS = read_table()
TESTED = set()


def row(name):
    """Mark a test as that of a row, and check that there is this row."""
    assert name in ROWS, f'docs/errors.md has no row {name!r}'
    TESTED.add(name)
    return lambda test: test


def rows(cases):
    """Mark cases, by the names of their rows; they are returned."""
    for name in cases:
        row(name)
    return cases
