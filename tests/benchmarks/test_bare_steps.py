"""The published order gives what ours gives: it is a fair opponent."""

import numpy as np
import pytest
import torch
from support import ROOT
from torch import nn

from mmseg_classmix.engine.hooks.mean_teacher_hook import TeacherUpdate
from mmseg_classmix.mixing import ClassMix
from mmseg_classmix.models.losses.unsup_loss import UnsupWeight
from mmseg_classmix.models.segmentors.logits import (
    label_and_confidence,
)


@pytest.fixture
def published(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tools' / 'benchmarks')
    import bare_steps

    return bare_steps


def test_mixed_labels_are_those_of_the_package(published):
    torch.manual_seed(0)
    np.random.seed(0)
    logits, img = 3 * torch.randn(3, 5, 9, 13), torch.rand(3, 3, 65, 97)
    theirs = published.mixed_labels(logits, img, threshold=0.5)
    label, confidence = label_and_confidence(logits, (65, 97), True)
    mix = ClassMix()
    # Which classes are chosen is chance: take those that they chose.
    mix.draw_mask = lambda batch: theirs['mask'].bool()
    ours = mix(
        dict(img=img, pseudo_label=label, confidence=confidence, num_classes=5)
    )
    valid = torch.ones_like(label, dtype=torch.bool)
    ours['weight'] = UnsupWeight('proportion_per_batch', 0.5, 1)(
        ours['confidence'], valid
    )
    assert torch.equal(ours['pseudo_label'], theirs['pseudo_label'])
    for key in ('img', 'confidence', 'weight'):
        torch.testing.assert_close(ours[key], theirs[key])


def test_masks_have_half_of_the_classes(published):
    label = torch.arange(5).repeat(10, 2)
    mask = published.class_mask(label)
    assert len(label[mask == 1].unique()) == 2
    assert not set(label[mask == 1].tolist()) & set(label[mask == 0].tolist())


def test_teachers_move_alike(published):
    teachers, student = [nn.Linear(3, 4), nn.Linear(3, 4)], nn.Linear(3, 4)
    teachers[1].load_state_dict(teachers[0].state_dict())
    published.move_teacher(student, teachers[0], 0.9)
    TeacherUpdate(student, teachers[1], None)(0.1)
    torch.testing.assert_close(*(t.weight for t in teachers))
