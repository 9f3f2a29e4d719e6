"""--amp: the format, and the labels that a 16-bit network gives."""

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from mmseg.registry import MODELS
from support import CLASSMIX
from torch.nn import functional as F

from mmseg_classmix.cli.options import mixed_precision

OFF = dict(enabled=False)


def test_the_hardware_chooses_what_the_config_leaves():
    for own, bfloat16, dtype, loss_scale in (
        ({}, True, 'bfloat16', OFF),
        ({}, False, 'float16', 'dynamic'),
        # What the config says itself.
        (dict(dtype='float16'), True, 'float16', 'dynamic'),
        (dict(dtype='bfloat16'), False, 'bfloat16', OFF),
        (dict(dtype=torch.bfloat16), False, torch.bfloat16, OFF),
        (dict(loss_scale=512.0), False, 'float16', 512.0),
        (dict(loss_scale='dynamic'), True, 'bfloat16', 'dynamic'),
    ):
        rest = dict(optimizer=dict(type='SGD', lr=0.1), clip_grad=None)
        wrapper = ConfigDict(type='OptimWrapper', **rest, **own)
        before = wrapper.to_dict()
        assert mixed_precision(wrapper, bfloat16) == dict(
            type='AmpOptimWrapper', dtype=dtype, loss_scale=loss_scale, **rest
        )
        assert wrapper.to_dict() == before


@pytest.fixture
def batch_and_model(tiny_data):
    torch.manual_seed(0)
    cfg = Config.fromfile(str(CLASSMIX))
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    samples = []
    for dataset in cfg.train_dataloader.dataset.datasets:
        built = DATASETS.build(dataset)
        samples += [built[0], built[1]]
    data = model.data_preprocessor(pseudo_collate(samples), training=True)
    return data, model


def test_labels_are_those_of_float32_from_rounded_logits(batch_and_model):
    data, model = batch_and_model
    img, samples = data['inputs'][2:], data['data_samples'][2:]
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        batch = model.pseudo_label(img, samples)
        rounded = model.teacher.decode_head(model.teacher.extract_feat(img))
    assert rounded.dtype == torch.bfloat16
    full = F.interpolate(
        rounded.float(), img.shape[2:], mode='bilinear', align_corners=True
    )
    confidence, label = full.softmax(1).max(1)
    assert batch['confidence'].dtype == torch.float32
    assert torch.equal(batch['pseudo_label'], label)
    assert torch.allclose(batch['confidence'], confidence, rtol=0, atol=1e-6)
    # Not on the grid of bfloat16, on which 0.968 lies between two numbers.
    kept = batch['confidence'].bfloat16().float() == batch['confidence']
    assert kept.float().mean() < 0.1


def test_losses_are_those_of_float32_but_for_rounding(batch_and_model):
    data, model = batch_and_model
    state = {k: v.clone() for k, v in model.state_dict().items()}
    losses = []
    for enabled in (False, True):
        model.load_state_dict(state)
        torch.manual_seed(1)
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            losses.append(model.loss(**data))
    usual, mixed = losses
    assert usual.keys() == mixed.keys()
    for name in ('sup.decode.loss_ce', 'unsup.loss_ce'):
        assert mixed[name].dtype == torch.float32
        assert mixed[name].isfinite()
        assert mixed[name].item() == pytest.approx(
            usual[name].item(), rel=0.02
        )
        assert mixed[name].item() != usual[name].item()
    (mixed['sup.decode.loss_ce'] + mixed['unsup.loss_ce']).backward()
    for name, parameter in model.student.named_parameters():
        assert parameter.grad.dtype == torch.float32, name
        assert parameter.grad.isfinite().all(), name
