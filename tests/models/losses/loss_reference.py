"""Inputs of the losses, and the losses as loops in numpy in float64."""

import math

import numpy as np
import torch

TAU = 0.45


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
