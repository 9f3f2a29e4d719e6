"""docs/errors.md and the tests of bad input cannot part."""

from importlib import import_module

from error_table import ROWS, TESTED
from support import ROOT


def test_every_row_has_a_test():
    for path in sorted((ROOT / 'tests' / 'preflight').glob('test_bad_*.py')):
        import_module(path.stem)
    assert sorted(set(ROWS) - TESTED) == []


def test_table_is_as_long_as_promised_and_says_what_to_do():
    assert len(ROWS) >= 30
    for name, row in ROWS.items():
        assert row.check in ('yes', '-'), name
        assert len(row.text) > 15, name
