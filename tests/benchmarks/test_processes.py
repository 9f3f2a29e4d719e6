"""The benchmark of several processes, on a tiny network."""

import re
import sys

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from support import CLASSMIX, ROOT, run_process

BENCHMARKS = ROOT / 'tools' / 'benchmarks'
SIZE = (32, 48)


def rows(output):
    """Messages and bytes of every line of the table, by name."""
    found = re.findall(
        r'^\| ([a-z -]+) \| (\d*) \| ([\d,]*) \| [\d.]+ \| [\d.]+% \|$',
        output,
        re.MULTILINE,
    )
    return {
        name: (int(messages or 0), int(sent.replace(',', '') or 0))
        for name, messages, sent in found
    }


@pytest.mark.slow
def test_an_iteration_is_divided():
    done = run_process(
        sys.executable,
        BENCHMARKS / 'processes.py',
        CLASSMIX,
        *('--size', *SIZE, '--iters', 2),
    )
    assert done.returncode == 0, done.stdout
    table = rows(done.stdout)
    model = MODELS.build(Config.fromfile(str(CLASSMIX)).model)
    trained = [p for p in model.parameters() if p.requires_grad]
    assert table['gradients'] == (1, 4 * sum(p.numel() for p in trained))
    # Forward twice and backward twice; the teacher only forward. Mean and
    # variance of two ranks in float32.
    norms = [
        m
        for m in model.student.modules()
        if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)
    ]
    channels = sum(norm.num_features for norm in norms)
    sent = 5 * 2 * 2 * 4 * channels
    assert table['batch-norm statistics'] == (5 * len(norms), sent)
    # Image and confidence in float32, labels in bytes.
    assert table['mixing'] == (2, SIZE[0] * SIZE[1] * (3 * 4 + 4 + 1))
    assert 0 < table['all else'][1] < 100
    share = re.search(
        r'^everything but gradients and statistics .*: ([\d.]+)%$',
        done.stdout,
        re.MULTILINE,
    )
    assert 0 < float(share[1]) < 100
    # With two processes an all-reduce sends what it is given, and headers.
    written = re.search(r'of the system: ([\d,]+)$', done.stdout, re.M)
    written = int(written[1].replace(',', ''))
    counted = sum(sent for _, sent in table.values())
    assert counted < written < 1.1 * counted + 1000 * 110
