"""The benchmark of start-up, on a tiny network; no time is tested."""

import re
import sys

import pytest
import torch
from support import CLASSMIX, ROOT, run_process, train

BENCHMARKS = ROOT / 'tools' / 'benchmarks'


@pytest.mark.slow
def test_both_parts_are_measured():
    done = run_process(
        sys.executable,
        BENCHMARKS / 'startup.py',
        CLASSMIX,
        *('--size', 32, 40),
        *('--imports', 1, '--starts', 1),
    )
    assert done.returncode == 0, done.stdout
    for name in (
        'import mmseg.models',
        'import mmseg_classmix',
        'first iteration, fresh',
        'first iteration, resumed at 39990',
    ):
        row = rf'^\| {name} \| (\S+) \| \d+\.\d\d \| \d+\.\d{{3}} \|$'
        (median,) = re.findall(row, done.stdout, re.MULTILINE)
        assert float(median) > 0
    assert re.search(r'^resumed - fresh: [+-]\d+\.\d\d s$', done.stdout, re.M)


def test_the_late_checkpoint_has_a_long_log(tiny_data, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from startup import make_late

    schedule = dict(type='PolyLR', power=0.9, begin=0, end=40001)
    train(tmp_path, param_scheduler=[dict(schedule, by_epoch=False)])
    make_late(tmp_path / 'iter_4.pth', tmp_path / 'late.pth')
    late = torch.load(tmp_path / 'late.pth', weights_only=True)
    assert late['meta']['iter'] == 39990
    assert late['param_schedulers'][0]['last_step'] == 39990
    history = late['message_hub']['log_scalars']['train/loss']
    assert history['log'].shape == history['count'].shape == (39990,)
