"""Training steps without a framework: the floor, and the published order."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from published import mixed_labels, move_teacher
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

IGNORE_INDEX = 255


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
    """An iteration in the order of the published loop, see published.py."""

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
