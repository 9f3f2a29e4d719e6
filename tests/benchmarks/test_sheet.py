"""The benchmark of sheets runs and prints its table; no time is tested."""

import re

from support import ROOT
from tool_process import run_python


def test_sheet():
    done = run_python(
        ROOT / 'tools' / 'benchmarks' / 'sheet.py',
        *('--size', 24, 40, '--images', 2, '--classes', 3),
        *('--rounds', 1, '--threads', 1, '--device', 'cpu'),
    )
    assert done.returncode == 0, done.stdout
    rows = re.findall(r'^\| ([^|]+) \| [\d.]+ \|', done.stdout, re.MULTILINE)
    assert rows == ['copy the tensors', 'and draw', 'and write a PNG']
    assert re.search(r'^\d+\.\d MiB$', done.stdout, re.MULTILINE)
