"""The squared error: its zero and its sum over classes."""

import numpy as np
import pytest
from loss_reference import TAU, make_case, softmax, to_torch

from mmseg_classmix.models.losses import SquaredErrorLoss


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
