"""The method in the order in which its published code computes it.

What the benchmarks compare with: every class list goes through numpy on the
host, one image after the other; probabilities of all classes are mixed at
image size; the weight is a Python number; the teacher moves parameter by
parameter. The result is that of ours, with the weighting
``proportion_per_batch`` and without padding.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


def class_mask(label: Tensor) -> Tensor:
    """Mask half of the classes of one image, (H, W) float32 in {0, 1}."""
    classes = np.unique(label.cpu().numpy())
    chosen = np.random.choice(classes, len(classes) // 2, replace=False)
    chosen = torch.from_numpy(chosen).to(label.device)
    return (label[None] == chosen[:, None, None]).sum(0).float()


def mix(masks: list[Tensor], x: Tensor) -> Tensor:
    """Mix images or probabilities, (N, C, H, W), with their neighbors."""
    mixed = []
    for i, mask in enumerate(masks):
        partner = x[(i + 1) % len(x)]
        mixed.append(mask * x[i] + (1 - mask) * partner)
    return torch.stack(mixed)


@torch.no_grad()
def mixed_labels(
    logits: Tensor, img: Tensor, threshold: float = 0.968
) -> dict[str, Tensor]:
    """Mix images and their labels, from the logits of the teacher.

    Args:
        logits: (N, C, h, w).
        img: (N, 3, H, W).
        threshold: Confidence threshold.

    Returns:
        ``img``, ``pseudo_label``, ``confidence``, ``mask`` and the ``weight``
        of every pixel.
    """
    full = F.interpolate(
        logits, img.shape[2:], mode='bilinear', align_corners=True
    )
    prob = full.softmax(1)
    label = prob.max(1)[1]
    masks = [class_mask(one) for one in label]
    prob = mix(masks, prob)
    confidence, label = prob.max(1)
    weight = (confidence >= threshold).sum().item() / label.cpu().numpy().size
    return dict(
        img=mix(masks, img),
        pseudo_label=label,
        confidence=confidence,
        mask=torch.stack(masks),
        weight=weight * torch.ones_like(confidence),
    )


@torch.no_grad()
def move_teacher(student: nn.Module, teacher: nn.Module, alpha: float) -> None:
    """Move a teacher, one parameter after the other."""
    pairs = zip(teacher.parameters(), student.parameters(), strict=True)
    for old, new in pairs:
        old.data[:] = alpha * old.data[:] + (1 - alpha) * new.data[:]
