"""Which logits labels and losses come from, whatever the heads are."""

import pytest
import torch
from head_networks import (
    NETWORKS,
    OCR,
    OF_RESNET,
    RESNET,
    config,
    segmentor_of,
)
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from other_models import small_segmentor
from scipy.special import expit
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from mmseg_classmix.models.segmentors.logits import (
    MAIN_OUTPUT,
    full_logits,
    low_resolution_logits,
    upsample,
)

SIZE = (64, 64)


def mean_teacher(segmentor, **options):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='MeanTeacherSegmentor',
            segmentor=segmentor,
            batch_transforms=[dict(type='ClassMix')],
            unsup_loss=dict(type='PseudoLabelLoss', threshold=0.0, **options),
        )
    )
    model.init_weights()
    return model


def images(count=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, *SIZE, generator=generator)


def samples(labeled, total, num_classes=3):
    generator = torch.Generator().manual_seed(2)
    result = [SegDataSample() for _ in range(total)]
    for sample in result[:labeled]:
        for key, high in (('gt_sem_seg', num_classes), ('gt_edge_map', 2)):
            data = torch.randint(0, high, (1, *SIZE), generator=generator)
            sample.set_field(PixelData(data=data), key, PixelData)
    return result


def predicted(segmentor, img):
    """What stock mmseg predicts, in eval mode."""
    metas = [dict(img_shape=torch.Size(SIZE))] * len(img)
    with torch.no_grad():
        return segmentor.eval().encode_decode(img, metas)


@pytest.mark.parametrize('name', [*NETWORKS, 'ocrnet'])
def test_logits_are_those_of_the_prediction(name):
    model = mean_teacher(segmentor_of(name))
    student, img = model.student, images()
    expected = predicted(student, img)
    # Training, but for batch norms and dropout.
    student.train()
    for module in student.modules():
        if isinstance(module, (_BatchNorm, _DropoutNd)):
            module.eval()
    assert torch.equal(full_logits(student, img), expected)
    small = low_resolution_logits(model.eval().teacher, img)
    ours = upsample(small, SIZE, student.align_corners)
    # K-Net's logits have another layout, and kernels differ by layout.
    torch.testing.assert_close(ours, expected)
    # Only heads with a prediction of their own give them at full size.
    full = name in ('pointrend', 'encnet')
    assert (small.shape[2:] == SIZE) is full


def test_cascade_has_the_logits_of_its_last_head():
    model = mean_teacher(small_segmentor(OCR)).eval()
    img = images()
    with torch.no_grad():
        features = model.student.extract_feat(img)
        first = model.student.decode_head[0](features)
        last = model.student.decode_head[1](features, first)
        assert torch.equal(low_resolution_logits(model.student, img), last)
    assert not torch.equal(first, last)


@pytest.mark.parametrize('name', [*NETWORKS, 'ocrnet'])
def test_mixed_images_train_what_predicts(name):
    model = mean_teacher(segmentor_of(name)).train()
    losses = model.loss(images(4), samples(2, 4))
    assert losses['unsup.loss_ce'] > 0
    losses['unsup.loss_ce'].backward()
    head = model.student.decode_head
    last = head[-1] if isinstance(head, nn.ModuleList) else head
    trained = {
        key.split('.')[0]
        for key, p in last.named_parameters()
        if p.grad is not None and p.grad.abs().sum() > 0
    }
    assert trained
    # Edges and auxiliary outputs learn from masks only.
    assert not trained & {'p_head', 'd_head', 'aux_head', 'se_layer'}
    loss, _ = model.parse_losses(model.loss(images(4), samples(2, 4)))
    loss.backward()
    assert all(p.grad is not None for p in last.parameters())


@MODELS.register_module()
class TwoOutputs(FCNHead):
    def forward(self, inputs):
        logits = super().forward(inputs)
        return (logits, -logits) if self.training else logits

    def loss_by_feat(self, seg_logits, batch_data_samples):
        return super().loss_by_feat(seg_logits[0], batch_data_samples)


def test_unknown_head_with_several_outputs_is_named(monkeypatch):
    head = dict(type='TwoOutputs', in_index=3, **OF_RESNET)
    model = mean_teacher(config(dict(backbone=RESNET, decode_head=head)))
    model.train()
    with pytest.raises(ValueError, match="TwoOutputs has 2.*'TwoOutputs'"):
        model.loss(images(4), samples(2, 4))
    monkeypatch.setitem(MAIN_OUTPUT, 'TwoOutputs', 0)
    assert model.loss(images(4), samples(2, 4))['unsup.loss_ce'] > 0


def test_teacher_labels_without_dropout():
    head = dict(type='FCNHead', dropout_ratio=0.5, in_index=3, **OF_RESNET)
    model = mean_teacher(config(dict(backbone=RESNET, decode_head=head)))
    model.train()
    labels = [
        model.pseudo_label(images(), samples(0, 2))['confidence']
        for _ in range(2)
    ]
    assert torch.equal(*labels)
    logits = [full_logits(model.student, images()) for _ in range(2)]
    assert not torch.equal(*logits)


def binary():
    head = dict(
        type='FCNHead',
        out_channels=1,
        threshold=0.3,
        num_classes=2,
        in_index=3,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True),
        **OF_RESNET,
    )
    return config(dict(backbone=RESNET, decode_head=head))


def test_single_channel_is_labeled_by_its_sigmoid():
    model = mean_teacher(binary()).train()
    nn.init.normal_(model.teacher.decode_head.conv_seg.weight, std=5)
    labels = model.pseudo_label(images(), samples(0, 2))
    metas = [dict(img_shape=torch.Size(SIZE))] * 2
    with torch.no_grad():
        z = model.teacher.encode_decode(images(), metas)[:, 0]
    prob = expit(z.double().numpy())
    expected = torch.from_numpy(prob > 0.5).long()
    assert 0 < expected.float().mean() < 1
    assert torch.equal(labels['pseudo_label'], expected)
    high = torch.from_numpy(abs(prob - 0.5) + 0.5).float()
    torch.testing.assert_close(labels['confidence'], high)
    assert labels['num_classes'] == 2


def test_single_channel_has_the_loss_of_a_sigmoid():
    model = mean_teacher(binary(), weighting='constant').eval()
    nn.init.normal_(model.student.decode_head.conv_seg.weight, std=5)
    img = images()
    batch = model.pseudo_label(img, samples(0, 2))
    loss = model.unsup_loss(full_logits(model.student, img), batch)['loss_ce']
    z = predicted(model.student, img)[:, 0]
    expected = F.binary_cross_entropy_with_logits(
        z, batch['pseudo_label'].float()
    )
    torch.testing.assert_close(loss, expected)
    assert model.out_channels == 1
    assert model.predict(img)[0].pred_sem_seg.shape == SIZE
    losses = model.train().loss(images(4), samples(2, 4, num_classes=2))
    assert model.parse_losses(losses)[0].isfinite()
