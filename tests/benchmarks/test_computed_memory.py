"""The computed memory of a step against what tensors really are kept."""

import sys

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from support import CLASSMIX, ROOT, run_process

TOOL = ROOT / 'tools' / 'benchmarks' / 'computed_memory.py'
SIZE = (64, 80)


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOL.parent)
    import computed_memory

    for module, name in (
        (computed_memory.decode_head, 'accuracy'),
        (computed_memory.logits, '_rows_are_exact'),
    ):
        # To be restored.
        monkeypatch.setattr(module, name, getattr(module, name))
    computed_memory.read_no_values()
    return computed_memory


def test_storages_count_once_and_until_they_are_gone(tool):
    with tool.LiveMemory() as memory:
        first = torch.ones(1000)
        view = first[:10]
        second = first * 2
        assert memory.live == 8000
        del first
        # The view keeps all of it.
        assert memory.live == 8000
        del view
        assert memory.live == 4000
        second.add_(1)
        assert (memory.live, memory.peak) == (4000, 8000)
    assert torch.equal(second, torch.full((1000,), 3.0))


def really_kept(tool, cfg):
    """Bytes that autograd keeps of a step on tensors with content."""
    model = MODELS.build(cfg.model).train()
    images, samples = tool.batch(4, SIZE)
    state = (*model.parameters(), *model.buffers(), images)
    state = {tensor.untyped_storage().data_ptr() for tensor in state}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in state:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        losses = model.loss(images, samples)
    assert losses
    return sum(kept.values())


def test_kept_is_what_autograd_saves(tool):
    cfg = Config.fromfile(str(CLASSMIX))
    found = tool.step_memory(cfg, SIZE, 4)
    real = really_kept(tool, cfg)
    # The last results, which nothing needs again, are alive too.
    assert real <= found['kept'] < 1.02 * real
    model = MODELS.build(cfg.model)
    count = sum(p.numel() for p in model.student.parameters())
    buffers = sum(b.nbytes for b in model.buffers())
    # 3 channels of 4 images, int64 labels of two of them.
    batch = (3 * 4 * 4 + 8 * 2) * SIZE[0] * SIZE[1]
    # Student, teacher and momentum.
    wanted = 3 * 4 * count + buffers + batch
    assert found['state'] == pytest.approx(wanted, rel=0.01)
    assert found['peak'] > found['state'] + found['kept']


@pytest.mark.slow
def test_each_option_keeps_less(tool):
    cfg = Config.fromfile(str(CLASSMIX))
    blocks, separate = dict(pattern='backbone.layer?.*'), dict(separate=True)
    options = (
        dict(),
        blocks,
        separate,
        dict(amp=True),
        dict(amp=True, **blocks, **separate),
    )
    plain, *others, all_together = (
        tool.step_memory(cfg, SIZE, 4, **how) for how in options
    )
    for one in others:
        assert one['state'] == plain['state']
        assert all_together['kept'] < one['kept'] < plain['kept']
        assert all_together['peak'] < one['peak'] < plain['peak']
    # The features of one half of the student's images.
    assert others[1]['kept'] < 0.6 * plain['kept']


@pytest.mark.slow
def test_prints_a_row_for_each():
    done = run_process(sys.executable, TOOL, CLASSMIX, '--size', 32, 40)
    assert done.returncode == 0, done.stdout
    rows = [line for line in done.stdout.splitlines() if line[:1] == '|']
    assert len(rows) == 10
    assert {row.count('|') for row in rows} == {5}
