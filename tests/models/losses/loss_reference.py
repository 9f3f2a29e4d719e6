"""Inputs of the losses, and the losses as loops in numpy in float64."""

from contextlib import contextmanager

import numpy as np
import torch
from hypothesis import strategies as st
from mmengine.logging import MessageHub
from property_inputs import CLASSES, SEEDS, SHAPES, labels

TAU = 0.45
RAMP_UP_2500 = 0.06005466789


@contextmanager
def at_iteration(iteration):
    """Tell the message hub the iteration, as the train loop does."""
    hub = MessageHub.get_current_instance()
    before = hub.runtime_info.pop('iter', None)
    hub.update_info('iter', iteration)
    try:
        yield
    finally:
        hub.runtime_info.pop('iter')
        if before is not None:
            hub.update_info('iter', before)


def log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(log_softmax(x))


def make_case(ignore_index: int = 255) -> tuple[np.ndarray, dict]:
    """Logits of a student and the mixed, padded labels of a teacher."""
    rng = np.random.default_rng(0)
    shape = (2, 3, 4, 5)
    logits = 2 * rng.standard_normal(shape)
    prob = softmax(rng.standard_normal(shape)).astype(np.float32)
    pseudo_label, confidence = prob.argmax(1), prob.max(1)
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


@st.composite
def cases(draw):
    """Logits of any dtype, mixed labels; pixels of 999 anywhere."""
    n, height, width = draw(SHAPES)
    num_classes = draw(CLASSES)
    rng = np.random.default_rng(draw(SEEDS))
    scale = draw(st.sampled_from([0.0, 1.0, 10.0, 1000.0]))
    shape = (n, num_classes, height, width)
    logits = scale * rng.standard_normal(shape)
    prob = np.exp(log_softmax(2 * rng.standard_normal(shape)))
    label = draw(labels((n, height, width), num_classes, ignore_index=999))
    confidence = prob.max(1).astype(np.float32)
    confidence[label == 999] = 0
    dtypes = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
    logits, batch = to_torch(
        logits,
        dict(
            pseudo_label=label,
            confidence=confidence,
            prob=prob.astype(np.float32),
        ),
        draw(st.sampled_from(dtypes)),
    )
    return logits, dict(batch, ignore_index=999)


def reference_weight(
    weighting: str, confidence: np.ndarray, valid: np.ndarray
) -> np.ndarray:
    """Weight of every pixel, (N, H, W); the ramp-up at iteration 2500."""
    weight = np.ones(valid.shape)
    sure = (confidence >= np.float32(TAU)) & valid
    if weighting == 'proportion_per_image':
        for own, s, v in zip(weight, sure, valid, strict=True):
            own *= s.sum() / max(v.sum(), 1)
    elif weighting == 'proportion_per_batch':
        weight *= sure.sum() / max(valid.sum(), 1)
    elif weighting == 'threshold':
        weight *= sure
    elif weighting == 'ramp_up':
        weight *= RAMP_UP_2500
    return weight


def reference_errors(name: str, logits: np.ndarray, batch: dict, ignore=255):
    """Error of every pixel, (N, H, W), for a loss; 0 on padding."""
    label, prob = (np.asarray(batch[k]) for k in ('pseudo_label', 'prob'))
    log_prob, errors = log_softmax(logits), np.zeros(label.shape)
    for n, row, col in np.argwhere(label != ignore):
        log_p = log_prob[n, :, row, col]
        q = prob[n, :, row, col].astype(np.float64)
        if name == 'loss_ce':
            errors[n, row, col] = -log_p[label[n, row, col]]
        elif name == 'loss_soft_ce':
            errors[n, row, col] = -(q * log_p).sum()
        else:
            errors[n, row, col] = ((np.exp(log_p) - q) ** 2).sum()
    return errors


def reference_loss(name, weighting, logits, batch, ignore=255) -> float:
    """Sum over the pixels that are no padding, divided by their number."""
    valid = np.asarray(batch['pseudo_label']) != ignore
    confidence = np.asarray(batch['confidence'])
    weight = reference_weight(weighting, confidence, valid)
    errors = reference_errors(name, logits, batch, ignore)
    return (weight * errors).sum() / max(valid.sum(), 1)
