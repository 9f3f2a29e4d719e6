import io

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import load_checkpoint
from mmseg.apis import inference_model, init_model
from mmseg.registry import DATASETS, MODELS
from support import CLASSMIX
from torch import nn

from mmseg_classmix.datasets.multi_source import Draw
from mmseg_classmix.models.segmentors import mean_teacher


def config(**options):
    cfg = Config.fromfile(str(CLASSMIX))
    cfg.merge_from_dict(options)
    return cfg


def build(**options):
    torch.manual_seed(0)
    model = MODELS.build(config(**options).model)
    model.init_weights()
    return model


def batch(model, indices=(0, 1, 4, 5)):
    """Two labeled and two unlabeled images, preprocessed."""
    dataset = DATASETS.build(config().train_dataloader.dataset)
    # A key for every image: the same flip whenever it is loaded.
    data = pseudo_collate([dataset[Draw(i, (0, 0, i))] for i in indices])
    return model.data_preprocessor(data, True)


def norms(network):
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]


def same(first, second):
    return all(
        torch.equal(a, b)
        for a, b in zip(
            first.state_dict().values(),
            second.state_dict().values(),
            strict=True,
        )
    )


def test_teacher_starts_as_the_student():
    model = build()
    assert same(model.student, model.teacher)
    assert not any(p.requires_grad for p in model.teacher.parameters())


def test_train_mode_is_that_of_the_method():
    model = build().train()
    assert model.student.training and not model.teacher.training
    assert all(m.training for m in norms(model.teacher))
    assert not any(m.training for m in model.eval().modules())
    model = build(**{'model.teacher_norm_eval': True}).train()
    assert not any(m.training for m in norms(model.teacher))
    # A backbone that freezes its statistics does so in both.
    model = build(**{'model.segmentor.backbone.norm_eval': True}).train()
    assert not any(m.training for m in norms(model.student.backbone))
    assert not any(m.training for m in norms(model.teacher.backbone))


def test_loss_trains_the_student_only():
    model = build().train()
    losses = model.loss(**batch(model))
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert all(p.grad is not None for p in model.student.parameters())
    assert all(p.grad is None for p in model.teacher.parameters())


def test_supervised_loss_is_that_of_the_plain_segmentor():
    model = build().train()
    data = batch(model)
    plain = MODELS.build(config().model.segmentor)
    plain.load_state_dict(model.student.state_dict())
    expected = plain.train().loss(data['inputs'][:2], data['data_samples'][:2])
    losses = model.loss(**data)
    for key, value in expected.items():
        assert losses[f'sup.{key}'].item() == pytest.approx(value.item())


def test_order_of_the_batch_does_not_matter_for_supervision():
    first, second = build().train(), build().train()
    a = first.loss(**batch(first))
    b = second.loss(**batch(second, (4, 0, 5, 1)))
    for key in a:
        assert a[key].item() == pytest.approx(b[key].item(), abs=1e-5)


def test_pseudo_labels_are_argmax_and_maximum_of_softmax():
    model = build().train()
    data = batch(model)
    unlabeled = data['inputs'][2:]
    labels = model.pseudo_label(unlabeled, data['data_samples'][2:])
    logits = model.teacher.encode_decode(
        unlabeled, [dict(img_shape=unlabeled.shape[2:])] * 2
    )
    x = logits.detach().double().numpy()
    prob = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    np.testing.assert_array_equal(labels['pseudo_label'], prob.argmax(1))
    np.testing.assert_allclose(labels['confidence'], prob.max(1), atol=1e-6)
    assert labels['num_classes'] == 3
    assert 'prob' not in labels


def test_soft_losses_get_the_probabilities():
    model = build(**{'model.unsup_loss.type': 'SquaredErrorLoss'}).train()
    data = batch(model)
    labels = model.pseudo_label(data['inputs'][2:], data['data_samples'][2:])
    torch.testing.assert_close(labels['prob'].max(1)[0], labels['confidence'])
    assert sum('loss' in key for key in model.loss(**data)) == 2


def test_padding_is_never_labeled():
    model = build(**{'model.segmentor.data_preprocessor.size': (40, 50)})
    data = batch(model.train())
    labels = model.pseudo_label(data['inputs'], data['data_samples'])
    padding = np.ones((4, 40, 50), bool)
    padding[:, :32, :40] = False
    np.testing.assert_array_equal(labels['pseudo_label'] == 255, padding)
    np.testing.assert_array_equal(labels['confidence'] == 0, padding)


def test_mix_seed_decides_the_mix():
    model = build().train()
    # Distinct predictions in every image, so that masks can differ.
    nn.init.normal_(model.teacher.decode_head.branches[0].weight)
    data = batch(model)

    def mixed(seed):
        model.mix_seed = seed
        labels = model.pseudo_label(
            data['inputs'][2:], data['data_samples'][2:]
        )
        return model.batch_transforms(labels)['img']

    assert torch.equal(mixed(1), mixed(1))
    assert any(not torch.equal(mixed(1), mixed(s)) for s in range(2, 8))


@pytest.mark.parametrize(
    ('indices', 'message'),
    [
        ((0, 1), 'needs both'),
        ((4, 5), 'needs both'),
        ((0, 1, 4), '1 unlabeled image'),
    ],
)
def test_batch_without_two_unlabeled_and_a_labeled_image(indices, message):
    model = build().train()
    with pytest.raises(ValueError, match=message):
        model.loss(**batch(model, indices))


@pytest.mark.parametrize('loader', ['torch', 'mmengine'])
def test_plain_checkpoint_goes_to_both_networks(loader, tmp_path):
    plain = MODELS.build(config().model.segmentor)
    plain.init_weights()
    model = build()
    if loader == 'torch':
        model.load_state_dict(plain.state_dict())
    else:
        torch.save(dict(state_dict=plain.state_dict()), tmp_path / 'x.pth')
        load_checkpoint(model, str(tmp_path / 'x.pth'), strict=True)
    assert same(model.student, plain) and same(model.teacher, plain)


def test_own_checkpoint_keeps_its_teacher():
    model = build()
    nn.init.zeros_(model.teacher.decode_head.branches[0].weight)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = build()
    other.load_state_dict(torch.load(file, weights_only=True))
    assert same(other.teacher, model.teacher)
    assert not same(other.teacher, other.student)


def test_predict_on_chooses_the_network():
    model = build().eval()
    nn.init.normal_(model.teacher.decode_head.branches[0].weight)
    inputs = batch(model)['inputs'][:1]
    student = model.student.predict(inputs)[0].seg_logits.data
    teacher = model.teacher.predict(inputs)[0].seg_logits.data
    assert torch.equal(model.predict(inputs)[0].seg_logits.data, student)
    with model.predicting_on('teacher'):
        assert torch.equal(model.predict(inputs)[0].seg_logits.data, teacher)
    assert model.predict_on == 'student'
    assert not torch.equal(student, teacher)


def test_mmseg_inference_works(tiny_data):
    model = init_model(config(), device='cpu')
    image = str(tiny_data / 'images' / 'val' / 'im_0.png')
    assert inference_model(model, image).pred_sem_seg.shape == (32, 40)


def test_stock_models_that_name_pretrained_weights_build(tmp_path):
    backbone = config().model.segmentor.backbone
    plain = MODELS.build(dict(backbone))
    plain.init_weights()
    torch.save(plain.state_dict(), tmp_path / 'backbone.pth')
    model = build(
        **{'model.segmentor.pretrained': str(tmp_path / 'backbone.pth')}
    )
    assert same(model.student.backbone, plain)
    assert same(model.teacher, model.student)


@pytest.mark.parametrize(('to_rgb', 'order'), [(True, 'rgb'), (False, 'bgr')])
def test_batch_says_the_order_of_its_channels(to_rgb, order):
    model = build(**{'model.segmentor.data_preprocessor.bgr_to_rgb': to_rgb})
    red = torch.zeros(3, 32, 40, dtype=torch.uint8)
    red[2] = 255
    data = model.data_preprocessor(
        dict(inputs=[red] * 2, data_samples=batch(model)['data_samples'][2:]),
        True,
    )
    labels = model.pseudo_label(data['inputs'], data['data_samples'])
    assert labels['channel_order'] == order
    pixels = labels['img'] * labels['std'] + labels['mean']
    assert pixels[:, 0 if order == 'rgb' else 2].round().min() == 255


def test_preprocessors_that_differ_are_refused():
    model = config().model
    other = dict(model.segmentor.data_preprocessor, size=(64, 64))
    with pytest.raises(ValueError, match='data_preprocessor.*differ'):
        MODELS.build(dict(model, data_preprocessor=other))


def test_a_teacher_that_nothing_moves_is_an_error(monkeypatch):
    monkeypatch.setattr(mean_teacher, 'PATIENCE', 2)
    model = build().train()
    data = batch(model)
    model.loss(**data)
    model.loss(**data)
    with pytest.raises(RuntimeError, match=r'in 2 iter.*MeanTeacherHook.*cus'):
        model.loss(**data)
    # What the hook does as soon as it is there.
    model.teacher_updates = True
    model.loss(**data)
