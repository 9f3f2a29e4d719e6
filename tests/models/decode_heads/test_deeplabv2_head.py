"""The head of DeepLab-v2 against sums of plain convolutions."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_classmix.models.decode_heads import DeepLabV2Head

PAPER = (6, 12, 18, 24)


def build(in_channels: int = 8, num_classes: int = 5, **kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cfg = dict(
            type='DeepLabV2Head',
            in_channels=in_channels,
            num_classes=num_classes,
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        )
        return MODELS.build({**cfg, **kwargs})


def parameters_by_dilation(head: DeepLabV2Head) -> dict:
    """Weight and bias of every convolution, by its dilation."""
    convs = [m for m in head.modules() if isinstance(m, torch.nn.Conv2d)]
    return {conv.dilation[0]: (conv.weight, conv.bias) for conv in convs}


@pytest.mark.parametrize('dilations', [PAPER, [6, 12], (1,)])
def test_logits_are_the_sum_of_dilated_convolutions(dilations):
    head = build(dilations=dilations)
    x = torch.randn(2, 8, 25, 29)
    parameters = parameters_by_dilation(head)
    assert sorted(parameters) == sorted(dilations)
    expected = torch.zeros(2, 5, 25, 29, dtype=torch.float64)
    for d, (weight, bias) in parameters.items():
        assert weight.shape == (5, 8, 3, 3)
        torch.nn.init.normal_(bias)
        expected += F.conv2d(
            x.double(), weight.double(), bias.double(), padding=d, dilation=d
        )
    logits = head([x])
    torch.testing.assert_close(logits.double(), expected, atol=1e-5, rtol=0)
    logits.square().sum().backward()
    named = dict(head.named_parameters())
    assert len(named) == 2 * len(dilations)
    for name, parameter in named.items():
        assert parameter.grad.abs().sum() > 0, name


def test_there_is_no_other_layer():
    head = build()
    assert tuple(parameters_by_dilation(head)) == PAPER
    assert not hasattr(head, 'conv_seg')
    leaves = [m for m in head.modules() if not list(m.children())]
    layers = [m for m in leaves if not isinstance(m, torch.nn.Identity)]
    with_state = [m for m in layers if list(m.parameters())]
    assert all(type(m) is torch.nn.Conv2d for m in with_state)
    assert not list(head.buffers())
    assert not any(
        isinstance(m, (torch.nn.Dropout, torch.nn.Dropout2d)) for m in layers
    )


def test_weights_start_normal_and_biases_at_zero():
    head = build(in_channels=64, num_classes=20)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head.init_weights()
    for weight, bias in parameters_by_dilation(head).values():
        assert (bias == 0).all()
        # 11520 values: the error of a standard deviation is 0.7 %.
        assert abs(weight.std().item() - 0.01) < 0.0004
        assert abs(weight.mean().item()) < 0.0004
        far = (weight.abs() > 0.02).float().mean().item()
        assert abs(far - 0.0455) < 0.01
    head = build(init_cfg=dict(type='Constant', val=0.5, layer='Conv2d'))
    head.init_weights()
    assert all((p == 0.5).all() for p in head.branches[0].weight)


def test_in_index_selects_the_feature_map():
    maps = [torch.randn(1, 8, 9, 9), torch.randn(1, 8, 5, 5)]
    assert build()(maps).shape == (1, 5, 5, 5)
    assert build(in_index=0)(maps).shape == (1, 5, 9, 9)


@pytest.mark.parametrize('dilations', [(), (0,), (6, -12), []])
def test_dilations_must_be_positive(dilations):
    with pytest.raises(ValueError, match='decode_head.dilations') as error:
        DeepLabV2Head(8, num_classes=5, dilations=dilations)
    assert str(dilations) in str(error.value)


@pytest.mark.parametrize(
    ('several', 'sampler'),
    [(False, dict(type='OHEMPixelSampler')), (True, None)],
)
def test_losses_and_accuracy_are_those_of_mmseg(several, sampler):
    losses = [
        dict(type='CrossEntropyLoss', loss_name='loss_a'),
        dict(type='CrossEntropyLoss', loss_name='loss_b', loss_weight=0.3),
        dict(type='CrossEntropyLoss', loss_name='loss_a', loss_weight=0.1),
    ]
    head = build(loss_decode=losses if several else losses[0], sampler=sampler)
    logits = torch.randn(2, 5, 9, 9)
    label = torch.randint(0, 5, (2, 1, 33, 33))
    label[:, :, :7] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x)) for x in label]
    expected = BaseDecodeHead.loss_by_feat(head, logits, samples)
    found = head.loss_by_feat(logits, samples)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key].reshape(-1), value.reshape(-1))


def test_accuracy_without_labels_is_zero():
    label = torch.full((1, 9, 9), 255)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label))]
    losses = build().loss_by_feat(torch.randn(1, 5, 5, 5), samples)
    assert losses['acc_seg'] == 0
