"""The backbone of DeepLab-v2 and the shipped networks that use it."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.model.utils import convert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from support import CLASSMIX, ROOT
from torch import nn

from mmseg_classmix.distributed.sync_batch_norm import convert_sync_batch_norm

MODEL_CONFIGS = ROOT / 'configs' / '_base_' / 'models'
CAFFE = dict(bgr_to_rgb=False, mean=(104.008, 116.669, 122.675), std=1.0)
TORCHVISION = dict(
    bgr_to_rgb=True,
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
)


def small(**kwargs):
    """A ResNet-18 of 1/16 of the channels."""
    options = dict(depth=18, stem_channels=4, base_channels=4)
    torch.manual_seed(0)
    return MODELS.build(dict(options, type='DeepLabResNet', **kwargs))


def norms(network):
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]


def shipped(depth, **options):
    cfg = Config.fromfile(str(MODEL_CONFIGS / f'deeplabv2_r{depth}-d8.py'))
    cfg.merge_from_dict(options)
    return cfg


@pytest.mark.parametrize(
    ('depth', 'channels'), [(18, 512), (50, 2048), (101, 2048)]
)
def test_shipped_networks_have_output_stride_8(depth, channels):
    with torch.device('meta'):
        model = MODELS.build(shipped(depth).model)
        image = torch.zeros(2, 3, 512, 1024)
    # Without ceil_mode it would be 64 x 128.
    assert model.extract_feat(image)[-1].shape == (2, channels, 65, 129)
    assert model._forward(image).shape == (2, 19, 65, 129)


def test_defaults_are_those_of_the_shipped_network():
    cfg = shipped(101).model.backbone
    with torch.device('meta'):
        plain = MODELS.build(dict(type='DeepLabResNet', depth=101))
        full = MODELS.build(cfg)
    for (name, ours), (other, theirs) in zip(
        plain.named_modules(), full.named_modules(), strict=True
    ):
        assert name == other and ours.extra_repr() == theirs.extra_repr()


def test_strides_and_dilations_are_those_of_deeplab():
    with torch.device('meta'):
        net = MODELS.build(dict(type='DeepLabResNet', depth=101))
    for stage, dilation in zip(net.res_layers, (1, 1, 2, 4), strict=True):
        blocks = getattr(net, stage)
        assert {b.conv2.dilation for b in blocks} == {(dilation, dilation)}
        assert {b.conv2.padding for b in blocks} == {(dilation, dilation)}
        assert {b.conv2.stride for b in blocks} == {(1, 1)}
    strides = [getattr(net, s)[0].conv1.stride[0] for s in net.res_layers]
    assert strides == [1, 2, 1, 1]


@pytest.mark.parametrize('norm', ['BN', 'SyncBN', 'GN'])
def test_frozen_norms_have_no_gradient(norm):
    norm_cfg = dict(type=norm, **(dict(num_groups=2) if norm == 'GN' else {}))
    net = small(norm_cfg=norm_cfg, in_channels=3)
    net = revert_sync_batchnorm(net) if norm == 'SyncBN' else net
    assert net.train() is net and net.eval() is net and net.train() is net
    net(torch.randn(2, 3, 32, 32))[-1].square().sum().backward()
    for name, parameter in net.named_parameters():
        trains = parameter.ndim == 4
        assert parameter.requires_grad == trains, name
        assert (parameter.grad is not None) == trains, name
    assert all(
        p.requires_grad for p in small(freeze_norm_affine=False).parameters()
    )
    # A convolution and two of a norm: all that a layer has.
    assert sum(p.ndim == 4 for p in net.parameters()) == 20
    assert sum(p.ndim == 1 for p in net.parameters()) == 40


@pytest.mark.parametrize(
    'convert',
    [
        convert_sync_batch_norm,
        lambda net: convert_sync_batchnorm(net, 'torch'),
    ],
    ids=['cpu', 'torch'],
)
def test_synchronized_norms_stay_frozen(convert):
    net = convert(small()).train()
    assert not norms(net)
    frozen = [p for p in net.parameters() if p.ndim == 1]
    assert len(frozen) == 40
    assert not any(p.requires_grad for p in frozen)


def test_residual_blocks_cannot_be_switched_off_for_good():
    with pytest.raises(ValueError, match='zero_init_residual'):
        small(zero_init_residual=True)
    for net in (
        small(),
        small(depth=50),
        small(zero_init_residual=True, freeze_norm_affine=False),
    ):
        net.init_weights()
        weights = {m.weight.mean().item() for m in norms(net)}
        assert weights == ({1.0} if not net.zero_init_residual else {0.0, 1.0})


def test_student_moves_its_statistics_twice_an_iteration():
    model = mean_teacher()
    student, teacher = model.student.backbone, model.teacher.backbone
    seen = []
    student.bn1.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].detach().numpy())
    )
    samples = labeled_samples(2) + [
        SegDataSample(metainfo=dict(img_shape=(32, 40))) for _ in range(2)
    ]
    losses = model.loss(torch.randn(4, 3, 32, 40), samples)
    assert len(seen) == 2
    expected = np.zeros(student.bn1.num_features)
    for x in seen:
        expected = 0.9 * expected + 0.1 * x.mean((0, 2, 3), dtype=np.float64)
    np.testing.assert_allclose(student.bn1.running_mean, expected, atol=1e-6)
    assert {int(m.num_batches_tracked) for m in norms(student)} == {2}
    # The teacher labels once.
    assert {int(m.num_batches_tracked) for m in norms(teacher)} == {1}
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    for name, parameter in model.student.named_parameters():
        # Convolutions and the biases of the head: all that there is to train.
        trains = parameter.ndim == 4 or name.startswith('decode_head.')
        assert parameter.requires_grad == trains, name
        # Nothing is unused, so that distributed training works.
        assert (parameter.grad is not None) == trains, name


def labeled_samples(count):
    samples = []
    for _ in range(count):
        sample = SegDataSample(metainfo=dict(img_shape=(32, 40)))
        label = torch.randint(0, 3, (1, 32, 40))
        sample.set_data(dict(gt_sem_seg=PixelData(data=label)))
        samples.append(sample)
    return samples


def mean_teacher(**options):
    cfg = Config.fromfile(str(CLASSMIX))
    cfg.merge_from_dict(
        {
            'model.segmentor.backbone.type': 'DeepLabResNet',
            'model.segmentor.decode_head.dilations': (6, 12),
            **options,
        }
    )
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model.train()


@pytest.mark.parametrize(
    ('depth', 'images'), [(101, CAFFE), (50, TORCHVISION), (18, TORCHVISION)]
)
def test_images_are_what_the_weights_were_trained_on(depth, images):
    cfg = shipped(depth)
    assert cfg.data_preprocessor == cfg.model.data_preprocessor
    preprocessor = MODELS.build(cfg.data_preprocessor)
    bgr = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    x = torch.from_numpy(bgr).permute(2, 0, 1)
    data = preprocessor(dict(inputs=[x], data_samples=[SegDataSample()]), True)
    pixels = bgr[..., ::-1] if images['bgr_to_rgb'] else bgr
    expected = (pixels - np.array(images['mean'])) / np.array(images['std'])
    np.testing.assert_allclose(
        data['inputs'][0].permute(1, 2, 0), expected, atol=1e-5
    )
    backbone = cfg.model.backbone
    assert backbone.style == ('caffe' if images is CAFFE else 'pytorch')
    checkpoint = backbone.init_cfg.checkpoint
    folder = (ROOT / 'checkpoints').resolve()
    assert ROOT.joinpath(checkpoint).resolve().parent == folder
