"""All unsupervised losses against numpy in float64, values and gradients."""

import numpy as np
import pytest
import torch
from loss_reference import (
    TAU,
    make_case,
    reference_loss,
    reference_weight,
    to_torch,
)
from mmengine.logging import MessageHub
from mmseg.registry import MODELS

from mmseg_classmix.models.losses import (
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
