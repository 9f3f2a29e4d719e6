"""tools/dev/list_names.py."""

import re
import subprocess
import sys

from support import ROOT, environment

TOOL = ROOT / 'tools' / 'dev' / 'list_names.py'


def test_says_what_listing_costs():
    done = subprocess.run(
        [sys.executable, TOOL, '--names', '300'],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    line = done.stdout.splitlines()[-1]
    assert re.fullmatch(
        r'300 names: [\d.]+ s of CPU, peak \+\d+ MiB, kept \+\d+ MiB', line
    )
