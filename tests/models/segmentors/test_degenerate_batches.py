"""Batches with nothing to learn from: finite, and as defined."""

import math
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.structures import SegDataSample
from support import CLASSMIX, tiny_config, train

from mmseg_classmix.models.losses.unsup_loss import WEIGHTINGS

LOSSES = ('PseudoLabelLoss', 'SoftPseudoLabelLoss', 'SquaredErrorLoss')
MIXES = ('ClassMix', 'CutMix', 'CowMix')
#: Every value of the three axes, which do not know of each other.
TRIPLES = [
    (MIXES[i % 3], LOSSES[(i + i // 3) % 3], weighting)
    for i, weighting in enumerate(WEIGHTINGS)
]
every_choice = pytest.mark.parametrize(('mix', 'loss', 'weighting'), TRIPLES)


@pytest.fixture(autouse=True)
def first_iteration():
    """The ramp-up reads the iteration of the run, here of none."""
    hub = MessageHub.get_current_instance()
    before = hub.runtime_info.pop('iter', None)
    yield
    if before is not None:
        hub.update_info('iter', before)


@pytest.fixture(scope='module')
def model():
    model = MODELS.build(tiny_config('.', CLASSMIX).model)
    model.init_weights()
    model.teacher_updates = True
    return model


def batch(labels, padded=False):
    """Two labeled images of these labels, and two unlabeled ones."""
    torch.manual_seed(0)
    images = torch.randn(4, 3, 32, 40)
    samples = []
    for label in labels:
        mask = torch.full((1, 32, 40), label)
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=mask)))
    samples += [SegDataSample(), SegDataSample()]
    if padded:
        # As if the whole image had been added by the preprocessor.
        for sample in samples[2:]:
            sample.set_metainfo(dict(img_shape=(0, 0)))
    return images, samples


def learn(model, mix, loss, weighting, images, samples):
    """One forward and backward pass; losses and all gradients."""
    model.unsup_loss = MODELS.build(
        dict(type=loss, weighting=weighting, threshold=0.3)
    )
    model.batch_transforms = Compose([TRANSFORMS.build(dict(type=mix))])
    model.train()
    model.zero_grad()
    total, values = model.parse_losses(model.loss(images, samples))
    total.backward()
    gradients = [
        p.grad for p in model.student.parameters() if p.grad is not None
    ]
    assert gradients
    return {k: v.item() for k, v in values.items()}, torch.cat(
        [gradient.flatten() for gradient in gradients]
    )


def unsup(values):
    (value,) = (v for k, v in values.items() if k.startswith('unsup.loss'))
    return value


@every_choice
def test_no_labeled_pixel_leaves_the_unsupervised_loss(
    model, mix, loss, weighting
):
    values, gradient = learn(model, mix, loss, weighting, *batch([255, 255]))
    assert values['sup.decode.loss_ce'] == 0
    assert all(map(math.isfinite, values.values()))
    assert values['loss'] == unsup(values) > 0
    assert gradient.isfinite().all() and gradient.any()


@every_choice
def test_nothing_at_all_changes_nothing(model, mix, loss, weighting):
    values, gradient = learn(
        model, mix, loss, weighting, *batch([255, 255], padded=True)
    )
    assert values['loss'] == 0
    assert all(map(math.isfinite, values.values()))
    assert (gradient == 0).all()


@every_choice
def test_a_teacher_of_one_class_still_teaches_it(
    model, mix, loss, weighting, monkeypatch
):
    logits = torch.tensor([0.0, 3.0, 0.0]).view(1, 3, 1, 1)

    def one_class(inputs, metas):
        return logits.expand(len(inputs), 3, *inputs.shape[2:])

    monkeypatch.setattr(model.teacher, 'encode_decode', one_class)
    # One class in every labeled image too.
    values, gradient = learn(model, mix, loss, weighting, *batch([0, 2]))
    assert all(map(math.isfinite, values.values()))
    assert gradient.isfinite().all() and gradient.any()
    confidence = math.exp(3) / (math.exp(3) + 2)
    assert values['unsup.mean_confidence'] == pytest.approx(confidence)
    assert values['unsup.confident_share'] == 1
    assert values['unsup.weight'] == pytest.approx(
        math.exp(-5) if weighting == 'ramp_up' else 1
    )
    assert unsup(values) > 0 and values['sup.decode.loss_ce'] > 0


def test_an_image_of_one_class_has_its_plain_cross_entropy(model):
    images, samples = batch([1, 255])
    values, gradient = learn(
        model, 'ClassMix', 'PseudoLabelLoss', 'constant', images, samples
    )
    with torch.no_grad():
        logits = model.student.encode_decode(
            images[:2], [dict(img_shape=(32, 40))] * 2
        )
    log_prob = logits.double().log_softmax(1)[:, 1]
    assert values['sup.decode.loss_ce'] == pytest.approx(
        -log_prob[0].mean().item(), rel=1e-4
    )
    assert gradient.isfinite().all()


def test_a_run_on_masks_of_ignored_pixels_only_stays_finite(
    tmp_path, tiny_data
):
    root = tmp_path / tiny_data.name
    shutil.copytree(tiny_data, root)
    for path in (root / 'masks' / 'train').iterdir():
        cv2.imwrite(str(path), np.full((32, 40), 255, np.uint8))
    source = 'train_dataloader.dataset.datasets.0.data_root'
    runner = train(
        tmp_path / 'run', **{source: str(root), 'train_cfg.max_iters': 2}
    )
    losses = runner.message_hub.get_scalar('train/sup.decode.loss_ce').data[0]
    assert list(losses) == [0, 0]
    assert runner.message_hub.get_scalar('train/loss').data[0].min() > 0
    for value in runner.model.state_dict().values():
        assert value.isfinite().all()
