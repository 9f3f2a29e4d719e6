"""The loss on soft pseudo-labels in the limit of certain ones."""

import numpy as np
from loss_reference import TAU, make_case, to_torch

from mmseg_classmix.models.losses import PseudoLabelLoss, SoftPseudoLabelLoss


def test_soft_loss_of_certain_probabilities_is_the_pseudo_label_loss():
    logits, case = make_case()
    label = case['pseudo_label']
    case['prob'] = np.eye(3, dtype=np.float32)[label].transpose(0, 3, 1, 2)
    args = to_torch(logits, case)
    soft = SoftPseudoLabelLoss(threshold=TAU)(*args)['loss_soft_ce']
    hard = PseudoLabelLoss(threshold=TAU)(*args)['loss_ce']
    np.testing.assert_allclose(soft, hard, rtol=1e-6)
