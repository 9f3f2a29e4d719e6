"""The losses against numpy in float64, values and gradients."""

import math

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmseg.registry import MODELS

from mmseg_classmix.models.losses import (
    GlobalCrossEntropyLoss,
    PseudoLabelLoss,
    SoftPseudoLabelLoss,
    SquaredErrorLoss,
)

LOSSES = {
    'loss_ce': PseudoLabelLoss,
    'loss_soft_ce': SoftPseudoLabelLoss,
    'loss_squared_error': SquaredErrorLoss,
}
WEIGHTINGS = (
    'proportion_per_image',
    'proportion_per_batch',
    'threshold',
    'ramp_up',
    'constant',
)
TAU = 0.45
every_loss = pytest.mark.parametrize('name', LOSSES)
every_weighting = pytest.mark.parametrize('weighting', WEIGHTINGS)


@pytest.fixture
def at_iteration_2500():
    hub = MessageHub.get_current_instance()
    before = hub.get_info('iter', None)
    hub.update_info('iter', 2500)
    yield
    if before is None:
        hub.runtime_info.pop('iter', None)
    else:
        hub.update_info('iter', before)


def softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(1, keepdims=True))
    return exp / exp.sum(1, keepdims=True)


def make_case(
    padded: bool = False, ignore_index: int = 255, seed: int = 0
) -> tuple[np.ndarray, dict]:
    """Logits of a student and the mixed labels of a teacher."""
    rng = np.random.default_rng(seed)
    shape = (2, 3, 4, 5)
    logits = 2 * rng.standard_normal(shape)
    prob = softmax(rng.standard_normal(shape)).astype(np.float32)
    pseudo_label, confidence = prob.argmax(1), prob.max(1)
    if padded:
        pseudo_label[0, 2:] = ignore_index
        pseudo_label[1, :, 3:] = ignore_index
        # Must not matter, whatever it is.
        confidence[pseudo_label == ignore_index] = 1
    return logits, dict(
        pseudo_label=pseudo_label, confidence=confidence, prob=prob
    )


def to_torch(logits: np.ndarray, case: dict, dtype=torch.float32) -> tuple:
    batch = {key: torch.from_numpy(value) for key, value in case.items()}
    return torch.from_numpy(logits).to(dtype), batch


def reference_weight(weighting: str, case: dict, valid: np.ndarray):
    confident = (case['confidence'] >= TAU) & valid
    if weighting == 'proportion_per_image':
        return [
            c.sum() / v.sum() for c, v in zip(confident, valid, strict=True)
        ]
    if weighting == 'proportion_per_batch':
        return [confident.sum() / valid.sum()] * len(valid)
    if weighting == 'threshold':
        return list(confident)
    return [0.06005466789 if weighting == 'ramp_up' else 1.0] * len(valid)


def reference_loss(
    name: str,
    weighting: str,
    logits: np.ndarray,
    case: dict,
    ignore_index: int = 255,
) -> float:
    """Sum over the pixels that are no padding, divided by their number."""
    valid = case['pseudo_label'] != ignore_index
    weight = reference_weight(weighting, case, valid)
    student = softmax(logits)
    total = 0.0
    for i, row, col in np.argwhere(valid):
        p = student[i, :, row, col]
        q = case['prob'][i, :, row, col].astype(np.float64)
        if name == 'loss_ce':
            error = -math.log(p[case['pseudo_label'][i, row, col]])
        elif name == 'loss_soft_ce':
            error = -(q * np.log(p)).sum()
        else:
            error = ((p - q) ** 2).sum()
        own = weight[i]
        total += error * (own[row, col] if np.ndim(own) else own)
    return total / valid.sum()


@every_loss
@every_weighting
@pytest.mark.parametrize('padded', [False, True])
@pytest.mark.usefixtures('at_iteration_2500')
def test_value_equals_numpy(name, weighting, padded):
    logits, case = make_case(padded)
    loss = LOSSES[name](weighting=weighting, threshold=TAU)
    value = loss(*to_torch(logits, case))[name]
    assert value.dtype == torch.float32
    assert value.shape == ()
    expected = reference_loss(name, weighting, logits, case)
    assert expected > 0
    np.testing.assert_allclose(value, expected, rtol=2e-6)


@every_loss
@pytest.mark.parametrize('weighting', ['proportion_per_image', 'threshold'])
def test_gradient_equals_finite_differences(name, weighting):
    logits, case = make_case(padded=True)
    pred, batch = to_torch(logits, case)
    pred.requires_grad_()
    loss = LOSSES[name](weighting=weighting, threshold=TAU)
    loss(pred, batch)[name].backward()
    step = 1e-5
    expected = np.zeros_like(logits)
    for at in np.ndindex(*logits.shape):
        moved = []
        for sign in (1, -1):
            other = logits.copy()
            other[at] += sign * step
            moved.append(reference_loss(name, weighting, other, case))
        expected[at] = (moved[0] - moved[1]) / (2 * step)
    np.testing.assert_allclose(pred.grad, expected, atol=1e-6)
    padding = case['pseudo_label'] == 255
    assert (pred.grad.numpy().transpose(0, 2, 3, 1)[padding] == 0).all()


GOLDEN = dict(
    pseudo_label=torch.zeros(1, 2, 2, dtype=torch.int64),
    confidence=torch.tensor([[[0.968, 0.9679], [1.0, 0.5]]]),
)


@pytest.mark.parametrize(
    ('weighting', 'expected'),
    [
        ('proportion_per_image', 0.5 * (1 + 2 + 3 + 4) / 4),
        ('proportion_per_batch', 0.5 * (1 + 2 + 3 + 4) / 4),
        ('threshold', (1 + 3) / 4),
        ('constant', (1 + 2 + 3 + 4) / 4),
    ],
)
def test_golden_confidence_divides_by_all_four_pixels(weighting, expected):
    # Logits whose cross entropy against class 0 is 1, 2, 3 and 4.
    error = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    logits = torch.stack([torch.zeros(2, 2), error.expm1().log()])[None]
    value = PseudoLabelLoss(weighting=weighting)(logits, GOLDEN)['loss_ce']
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_defaults_are_those_of_the_paper():
    logits = torch.randn(1, 2, 2, 2)
    named = PseudoLabelLoss('proportion_per_image', 0.968, 10000, 1.0)
    default = PseudoLabelLoss()(logits, GOLDEN)
    assert default == named(logits, GOLDEN)
    assert default['weight'] == 0.5


def test_the_threshold_keeps_its_precision_under_autocast():
    # In bfloat16, 0.9679 and 0.968 are both 0.96875.
    logits = torch.randn(1, 2, 2, 2)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = PseudoLabelLoss()(logits, GOLDEN)
    assert out['confident_share'] == 0.5
    assert out['loss_ce'].dtype == torch.float32


@every_loss
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('autocast', [False, True])
def test_half_precision_logits_are_evaluated_in_float32(name, dtype, autocast):
    logits, case = make_case(padded=True)
    pred, batch = to_torch(30 * logits, case, dtype)
    pred.requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=autocast):
        value = LOSSES[name](threshold=TAU)(pred, batch)[name]
    assert value.dtype == torch.float32
    rounded = pred.detach().double().numpy()
    expected = reference_loss(name, 'proportion_per_image', rounded, case)
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-5)
    value.backward()
    assert torch.isfinite(pred.grad).all()


@every_loss
@every_weighting
def test_a_batch_of_padding_has_a_loss_of_zero(name, weighting):
    logits, case = make_case()
    case['pseudo_label'][:] = 255
    pred, batch = to_torch(logits, case)
    pred.requires_grad_()
    out = LOSSES[name](weighting=weighting)(pred, batch)
    assert all(value.item() == 0 for value in out.values())
    out[name].backward()
    assert (pred.grad == 0).all()


@every_loss
def test_padding_does_not_change_the_loss_of_the_rest(name):
    logits, case = make_case()
    larger = np.pad(logits, ((0, 0), (0, 0), (0, 3), (0, 2)))
    padded = {
        'pseudo_label': np.pad(
            case['pseudo_label'],
            ((0, 0), (0, 3), (0, 2)),
            constant_values=255,
        ),
        'confidence': np.pad(case['confidence'], ((0, 0), (0, 3), (0, 2))),
        'prob': np.pad(case['prob'], ((0, 0), (0, 0), (0, 3), (0, 2))),
    }
    loss = LOSSES[name](threshold=TAU)
    small = loss(*to_torch(logits, case))
    large = loss(*to_torch(larger, padded))
    for key, value in small.items():
        np.testing.assert_allclose(large[key], value, rtol=1e-5)


@every_loss
def test_the_batch_names_the_label_of_its_padding(name):
    logits, case = make_case(padded=True, ignore_index=1)
    pred, batch = to_torch(logits, case)
    loss = LOSSES[name](threshold=TAU)
    value = loss(pred, dict(batch, ignore_index=1))[name]
    expected = reference_loss(
        name, 'proportion_per_image', logits, case, ignore_index=1
    )
    np.testing.assert_allclose(value, expected, rtol=2e-6)


@every_loss
def test_scalars_are_logged_beside_the_loss(name):
    logits, case = make_case(padded=True)
    out = LOSSES[name](threshold=TAU)(*to_torch(logits, case))
    valid = case['pseudo_label'] != 255
    confidence = case['confidence'][valid]
    weight = reference_weight('proportion_per_image', case, valid)
    mean_weight = np.average(weight, weights=valid.sum((1, 2)))
    assert set(out) == {name, 'weight', 'confident_share', 'mean_confidence'}
    share, mean = (confidence >= TAU).mean(), confidence.mean()
    np.testing.assert_allclose(out['weight'], mean_weight, rtol=1e-6)
    np.testing.assert_allclose(out['confident_share'], share, rtol=1e-6)
    np.testing.assert_allclose(out['mean_confidence'], mean, rtol=1e-6)


@every_loss
def test_only_the_loss_is_called_loss(name):
    out = LOSSES[name]()(*to_torch(*make_case()))
    assert [key for key in out if 'loss' in key] == [name]
    assert not any(
        value.requires_grad for key, value in out.items() if key != name
    )


@every_loss
def test_loss_weight_is_a_factor_of_the_loss_only(name):
    args = to_torch(*make_case())
    one = LOSSES[name](threshold=TAU)(*args)
    three = LOSSES[name](threshold=TAU, loss_weight=3.0)(*args)
    np.testing.assert_allclose(three.pop(name), 3 * one.pop(name), rtol=1e-6)
    assert three == one


@every_loss
def test_the_given_tensors_are_not_changed(name):
    logits, batch = to_torch(*make_case(padded=True))
    before = {key: value.clone() for key, value in batch.items()}
    LOSSES[name]()(logits, batch)
    assert batch.keys() == before.keys()
    for key, value in before.items():
        assert torch.equal(batch[key], value)


@pytest.mark.parametrize(
    ('name', 'needed'),
    [('loss_ce', False), ('loss_soft_ce', True), ('loss_squared_error', True)],
)
def test_soft_losses_ask_for_probabilities(name, needed):
    assert LOSSES[name]().needs_prob is needed
    if not needed:
        logits, batch = to_torch(*make_case())
        del batch['prob']
        assert torch.isfinite(LOSSES[name]()(logits, batch)[name])


def test_soft_loss_of_certain_probabilities_is_the_pseudo_label_loss():
    logits, case = make_case()
    label = case['pseudo_label']
    case['prob'] = np.eye(3, dtype=np.float32)[label].transpose(0, 3, 1, 2)
    args = to_torch(logits, case)
    soft = SoftPseudoLabelLoss(threshold=TAU)(*args)['loss_soft_ce']
    hard = PseudoLabelLoss(threshold=TAU)(*args)['loss_ce']
    np.testing.assert_allclose(soft, hard, rtol=1e-6)


def test_squared_error_of_equal_distributions_is_zero():
    logits, case = make_case()
    case['prob'] = softmax(logits).astype(np.float32)
    out = SquaredErrorLoss(weighting='constant')(*to_torch(logits, case))
    assert out['loss_squared_error'] < 1e-12


def test_squared_error_is_summed_over_classes_by_default():
    args = to_torch(*make_case())
    key = 'loss_squared_error'
    default = SquaredErrorLoss(threshold=TAU)(*args)[key]
    summed = SquaredErrorLoss(threshold=TAU, class_reduction='sum')(*args)[key]
    mean = SquaredErrorLoss(threshold=TAU, class_reduction='mean')(*args)[key]
    assert default == summed
    np.testing.assert_allclose(summed, 3 * mean, rtol=1e-6)


def test_an_unknown_class_reduction_is_refused():
    with pytest.raises(ValueError, match="class_reduction='max'"):
        SquaredErrorLoss(class_reduction='max')


@pytest.mark.parametrize('weighting', ['threshold', 'proportion_per_image'])
def test_loss_decode_may_weigh_classes(weighting):
    logits, case = make_case(padded=True)
    loss = PseudoLabelLoss(
        weighting,
        TAU,
        loss_decode=dict(
            type='CrossEntropyLoss',
            class_weight=[1.0, 2.0, 5.0],
            loss_weight=0.5,
            loss_name='loss_balanced',
            avg_non_ignore=True,
        ),
    )
    value = loss(*to_torch(logits, case))['loss_balanced']
    valid = case['pseudo_label'] != 255
    weight = reference_weight(weighting, case, valid)
    total = 0.0
    for i, row, col in np.argwhere(valid):
        label = case['pseudo_label'][i, row, col]
        own = weight[i]
        own = own[row, col] if np.ndim(own) else own
        error = -math.log(softmax(logits)[i, label, row, col])
        total += own * [1, 2, 5][label] * error
    np.testing.assert_allclose(value, 0.5 * total / valid.sum(), rtol=2e-6)


def test_loss_decode_may_be_a_sigmoid_cross_entropy():
    logits, case = make_case(padded=True)
    cfg = dict(type='CrossEntropyLoss', use_sigmoid=True, avg_non_ignore=True)
    loss = PseudoLabelLoss('threshold', TAU, loss_decode=cfg)
    value = loss(*to_torch(logits, case))['loss_ce']
    valid = case['pseudo_label'] != 255
    total = 0.0
    for i, row, col in np.argwhere(valid & (case['confidence'] >= TAU)):
        for c in range(3):
            sign = 1 if case['pseudo_label'][i, row, col] == c else -1
            total += math.log1p(math.exp(-sign * logits[i, c, row, col]))
    np.testing.assert_allclose(value, total / valid.sum(), rtol=2e-6)


@every_loss
def test_losses_are_built_from_configs(name):
    cfg = dict(type=LOSSES[name].__name__, weighting='constant')
    out = MODELS.build(cfg)(*to_torch(*make_case()))
    assert name in out
    assert out['weight'] == 1


@every_loss
def test_losses_have_nothing_to_learn_or_save(name):
    loss = LOSSES[name]()
    assert not list(loss.parameters())
    assert not loss.state_dict()


@every_loss
@pytest.mark.parametrize(
    ('argument', 'value'),
    [
        ('weighting', 'proportion'),
        ('threshold', 1.5),
        ('threshold', -0.1),
        ('ramp_up_iters', 0),
        ('loss_weight', -1.0),
    ],
)
def test_bad_arguments_are_refused_by_their_config_key(name, argument, value):
    with pytest.raises(ValueError) as error:
        LOSSES[name](**{argument: value})
    assert f'model.unsup_loss.{argument}={value!r}' in str(error.value)


@pytest.mark.parametrize('weighted', [False, True])
def test_global_cross_entropy_is_a_mean_over_labeled_pixels(weighted):
    logits, case = make_case(padded=True)
    label = case['pseudo_label']
    valid = label != 255
    weight = case['confidence'] if weighted else np.ones(label.shape)
    student = softmax(logits)
    total = sum(
        -weight[i, row, col]
        * math.log(student[i, label[i, row, col], row, col])
        for i, row, col in np.argwhere(valid)
    )
    pred, batch = to_torch(logits, case)
    value = GlobalCrossEntropyLoss(loss_weight=0.4)(
        pred,
        batch['pseudo_label'],
        weight=batch['confidence'] if weighted else None,
        ignore_index=255,
    )
    np.testing.assert_allclose(value, 0.4 * total / valid.sum(), rtol=2e-6)


def test_global_cross_entropy_without_labels_is_zero():
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    label = torch.full((2, 4, 5), 255)
    value = GlobalCrossEntropyLoss()(logits, label, ignore_index=255)
    assert value == 0
    value.backward()
    assert (logits.grad == 0).all()


def test_global_cross_entropy_is_built_from_a_config():
    cfg = dict(type='GlobalCrossEntropyLoss', loss_name='loss_main')
    assert MODELS.build(cfg).loss_name == 'loss_main'
    assert GlobalCrossEntropyLoss().loss_name == 'loss_ce'


@pytest.mark.parametrize(
    'loss_decode',
    [
        dict(type='TverskyLoss'),
        dict(type='FocalLoss'),
        dict(type='DiceLoss'),
        dict(type='OhemCrossEntropy'),
        dict(type='CrossEntropyLoss', loss_name='ce'),
        dict(type='CrossEntropyLoss', reduction='sum'),
    ],
    ids=lambda cfg: '-'.join(cfg.values()),
)
def test_loss_that_cannot_weigh_pixels_is_refused(loss_decode):
    with pytest.raises(ValueError, match='model.unsup_loss.loss_decode'):
        PseudoLabelLoss(loss_decode=loss_decode)


def test_loss_with_class_weights_is_taken():
    PseudoLabelLoss(
        loss_decode=dict(type='CrossEntropyLoss', class_weight=[1, 2, 3])
    )
