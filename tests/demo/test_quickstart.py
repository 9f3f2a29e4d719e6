import re
import sys

import cv2
from support import ROOT, call_tool, load, run_process


def test_quickstart_trains_compares_and_draws(tmp_path):
    done = run_process(
        sys.executable,
        ROOT / 'tools' / 'quickstart.py',
        '--iters',
        2,
        '--seed',
        1,
        '--work-dir',
        tmp_path / 'quick',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    out = tmp_path / 'quick' / 'seed_1'
    table = (out / 'table.md').read_text()
    assert table in done.stdout
    scores = {
        name.strip(): float(score)
        for name, score in re.findall(
            r'^\| (\w.+?) +\| +([\d.]+) \|', table, re.M
        )
    }
    assert scores.keys() == {
        'supervised baseline',
        'ClassMix, student',
        'ClassMix, teacher',
    }
    assert all(0 <= score <= 100 for score in scores.values())
    for method in ('supervised', 'classmix'):
        assert load(out / method / 'iter_2.pth')['meta']['iter'] == 2
    height, width, _ = cv2.imread(str(out / 'quickstart.png')).shape
    assert width == 8 * (288 + 8) + 8 and height > 5 * 144


def test_nothing_starts_without_iterations(tmp_path):
    done = call_tool('quickstart.py', '--iters', 0, '--work-dir', tmp_path)
    assert done.returncode == 2
    assert '--iters 0 must be at least 1' in done.stdout
    assert not list(tmp_path.iterdir())
