"""tools/benchmarks/data.py: its form, and that it compares like with like."""

import re
import sys

import cv2
import pytest
from mmengine.config import Config
from resized import CITYSCAPES, resize, resizes
from support import ROOT, run_process

TOOL = ROOT / 'tools' / 'benchmarks' / 'data.py'
NUMBER = r'\d+\.\d+'


@pytest.fixture
def config(tmp_path):
    """The config of Cityscapes, but small."""
    cfg = Config.fromfile(str(CITYSCAPES))
    for step in resizes(cfg):
        step.scale = (64, 32)
    cfg.data_preprocessor.size = (32, 64)
    cfg.model.segmentor.data_preprocessor.size = (32, 64)
    cfg.dump(tmp_path / 'config.py')
    return tmp_path / 'config.py'


@pytest.mark.slow
def test_prints_a_table(config):
    done = run_process(
        sys.executable,
        TOOL,
        config,
        *('--images', '4', '--height', '64', '--rounds', '2'),
        cwd=config.parent,
    )
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    start = lines.index('| | median (ms) | spread (ms) | ratio |')
    original, resized, rates = lines[start + 2 : start + 5]
    row = rf'\| {{}} \| ({NUMBER}) \| {NUMBER} \| ({NUMBER}) \|'
    median, ratio = re.fullmatch(row.format('128x64'), original).groups()
    unit, one = re.fullmatch(row.format('resized'), resized).groups()
    assert float(one) == 1
    assert float(ratio) == pytest.approx(float(median) / float(unit), rel=0.02)
    found = re.fullmatch(
        rf'128x64: ({NUMBER}) images/s; resized: {NUMBER} images/s', rates
    )
    # 4 images a round.
    assert float(found[1]) == pytest.approx(4000 / float(median), rel=0.02)


def test_other_samples_are_no_comparison(config, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(TOOL.parent)
    import data

    original, resized = tmp_path / 'original', tmp_path / 'resized'
    names = data.write_scenes(original, 4, 64)
    for i in range(2):
        text = '\n'.join(names[2 * i : 2 * i + 2])
        (tmp_path / f'{i}.txt').write_text(text + '\n')
    cfg = Config.fromfile(str(config))
    data.point_at(cfg, original, tmp_path).dump(tmp_path / 'all.py')
    resize(tmp_path / 'all.py', resized)
    cfgs = {
        p.name: data.point_at(cfg, p, tmp_path) for p in (original, resized)
    }
    streams = {name: data.open_stream(c) for name, c in cfgs.items()}
    data.check_same(streams, 8)
    path = next(resized.glob('gtFine/*/*/*'))
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    mask[5, 7] = (mask[5, 7] + 1) % 9
    cv2.imwrite(str(path), mask)
    with pytest.raises(RuntimeError, match='give other samples'):
        data.check_same(streams, 8)
