"""Published numbers: of tests/reference.py itself, and of the schedules."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS
from reference import (
    PlainSGD,
    ReferenceClassMix,
    class_mask,
    ring_mix,
    unsupervised_weight,
)
from support import ROOT

# Those of mmseg are held against mmseg: tests/test_other_models.py.
NAMES = ('adamw_1k', 'sgd_3k', 'sgd_40k')
SCHEDULES = [ROOT / f'configs/_base_/schedules/{name}.py' for name in NAMES]


@pytest.mark.parametrize('path', SCHEDULES, ids=lambda path: path.stem)
def test_schedules_are_the_published_polynomial(path):
    cfg = Config.fromfile(path)
    assert len(cfg.param_scheduler) == 1
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=2.5e-4)
    scheduler = PARAM_SCHEDULERS.build(
        cfg.param_scheduler[0], default_args=dict(optimizer=optimizer)
    )
    count = cfg.train_cfg.max_iters
    # 2.5e-4 x 0.5^0.9, and the last iteration, which PolyLR likes to end
    # at 0.
    golden = {0: 2.5e-4, count // 2: 1.33971e-4}
    golden[count - 1] = 2.5e-4 * (1 / count) ** 0.9
    for i in range(count):
        if i in golden:
            rate = optimizer.param_groups[0]['lr']
            assert rate == pytest.approx(golden[i], rel=1e-5)
        optimizer.step()
        scheduler.step()


def test_reference_moves_its_teacher_as_published():
    network = torch.nn.Linear(1, 1)
    reference = ReferenceClassMix(network, lr=1, max_iters=1)
    golden = {0: 0, 1: 0.5, 3: 0.75, 9: 0.9, 98: 0.989899, 99: 0.99, 500: 0.99}
    for i, alpha in golden.items():
        for p in reference.student.parameters():
            p.data.fill_(0)
        for p in reference.teacher.parameters():
            p.data.fill_(1)
        reference.move_teacher(i)
        for p in reference.teacher.parameters():
            assert p.item() == pytest.approx(alpha, abs=1e-6)


@pytest.mark.parametrize(
    ('mode', 'i', 'weight'),
    [
        ('proportion_per_image', 0, [[0.5, 0.5], [0.5, 0.5]]),
        ('proportion_per_batch', 0, [[0.5, 0.5], [0.5, 0.5]]),
        ('threshold', 0, [[1, 0], [1, 0]]),
        ('constant', 0, [[1, 1], [1, 1]]),
        ('ramp_up', 0, np.full((2, 2), 0.0067379)),
        ('ramp_up', 2500, np.full((2, 2), 0.0600547)),
        ('ramp_up', 5000, np.full((2, 2), 0.2865048)),
        ('ramp_up', 7500, np.full((2, 2), 0.7316156)),
        ('ramp_up', 12000, np.ones((2, 2))),
    ],
)
def test_reference_has_the_golden_weights(mode, i, weight):
    confidence = torch.tensor(
        [[[0.968, 0.9679], [1, 0.5]]], dtype=torch.float64
    )
    own = unsupervised_weight(mode, confidence, 0.968, i, 10000)
    np.testing.assert_allclose(own[0], weight, atol=5e-8)


def test_reference_pairs_a_ring_of_three():
    x = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1)
    none, every = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    assert ring_mix(none, x).flatten().tolist() == [1, 2, 0]
    assert ring_mix(every, x).flatten().tolist() == [0, 1, 2]


def test_reference_accepts_half_of_the_classes_only():
    label = torch.tensor([[0, 1, 2], [3, 4, 4]])
    assert class_mask(label, [1, 4]).tolist() == [[0, 1, 0], [0, 1, 1]]
    for wrong in ([1], [0, 1, 2], [1, 5], [1, 1]):
        with pytest.raises(AssertionError):
            class_mask(label, wrong)
    assert class_mask(torch.full((2, 2), 7), []).tolist() == [[0, 0], [0, 0]]


def test_reference_has_the_golden_rates():
    optimizer = PlainSGD(torch.nn.Identity(), 2.5e-4, 40000, nesterov=True)
    assert optimizer.rate(0) == 2.5e-4
    assert optimizer.rate(20000) == pytest.approx(1.33971e-4, rel=1e-5)
