"""Training steps without a framework: the floor, and the published order.

In the published code every class list goes through numpy on the host, one
image after the other; probabilities of all classes are mixed at image size;
the weight is a Python number; the teacher moves parameter by parameter. The
result is that of ours, with the weighting ``proportion_per_batch`` and without
padding.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

IGNORE_INDEX = 255


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


class BareStep(ABC):
    """Student, teacher and optimizer of their own, and one batch.

    Args:
        student: The network that is trained.
        teacher: The network that labels.
        optimizer: That of the student.
        labeled: Normalized images, (N, 3, H, W).
        label: Their labels, (N, H, W) int64.
        unlabeled: Normalized images, (N, 3, H, W).
        autocast: Makes the context of the forward passes.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        optimizer: Optimizer,
        labeled: Tensor,
        label: Tensor,
        unlabeled: Tensor,
        autocast: Callable[[], AbstractContextManager],
    ) -> None:
        self.student, self.teacher = student, teacher
        self.optimizer = optimizer
        self.labeled, self.label = labeled, label
        self.unlabeled = unlabeled
        self.autocast = autocast

    @abstractmethod
    def losses(self) -> Tensor:
        """Forward passes."""

    def __call__(self) -> None:
        """Train one iteration."""
        with self.autocast():
            loss = self.losses()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def cross_entropy(
        self, img: Tensor, label: Tensor, reduction: str = 'mean'
    ) -> Tensor:
        """Loss of the student."""
        logits = F.interpolate(
            _logits(self.student, img),
            img.shape[2:],
            mode='bilinear',
            align_corners=True,
        )
        return F.cross_entropy(
            logits.float(),
            label,
            ignore_index=IGNORE_INDEX,
            reduction=reduction,
        )


class Floor(BareStep):
    """What every method of this kind has to compute.

    Forward and backward of the student on the labeled and on a mixed batch,
    forward of the teacher on the unlabeled one, one optimizer step. The
    unlabeled images stand for the mixed ones, the labels for pseudo-labels.
    """

    def losses(self) -> Tensor:
        """Forward passes."""
        loss = self.cross_entropy(self.labeled, self.label)
        with torch.no_grad():
            _logits(self.teacher, self.unlabeled)
        return loss + self.cross_entropy(self.unlabeled, self.label)


class Published(BareStep):
    """An iteration in the order of the published loop, see above."""

    def losses(self) -> Tensor:
        """Forward passes, pseudo-labels and the mix."""
        loss = self.cross_entropy(self.labeled, self.label)
        with torch.no_grad():
            logits = _logits(self.teacher, self.unlabeled).float()
        mixed = mixed_labels(logits, self.unlabeled)
        unsup = self.cross_entropy(
            mixed['img'], mixed['pseudo_label'], reduction='none'
        )
        return loss + (unsup * mixed['weight']).mean()

    def __call__(self) -> None:
        """Train one iteration and move the teacher."""
        super().__call__()
        move_teacher(self.student, self.teacher, 0.99)


def _logits(network: nn.Module, img: Tensor) -> Tensor:
    return network.decode_head.forward(network.extract_feat(img))
