"""Mixes as training makes them, with what they were made of."""

import os.path as osp
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmseg_classmix.models.segmentors.semi_batch import (
    constants,
    padding_mask,
    split_batch,
)
from mmseg_classmix.utils.seeding import derive_seed, seeded
from mmseg_classmix.visualization.pixels import denormalize


@dataclass
class Mix:
    """One mixed image; images are (H, W, 3) uint8 RGB.

    Attributes:
        names: File names of image A and of its partner B.
        image: A.
        partner: B.
        label: Prediction for A or its ground truth, (H, W) int64.
        mask: (H, W) bool, True where the mix shows A.
        mixed_image: The image that the student is trained on.
        mixed_label: The label that it is trained on, (H, W) int64.
        ignore_index: Value of labels without a class.
    """

    names: tuple[str, str]
    image: np.ndarray
    partner: np.ndarray
    label: np.ndarray
    mask: np.ndarray
    mixed_image: np.ndarray
    mixed_label: np.ndarray
    ignore_index: int


@torch.no_grad()
def label_and_mix(
    model: nn.Module, img: Tensor, data_samples: list, predict: bool = True
) -> tuple[dict, dict]:
    """Label and mix images with the model's own code.

    Args:
        model: A ``MeanTeacherSegmentor``; its ``mix_seed`` draws the masks.
        img: Preprocessed images, (N, 3, H, W) float.
        data_samples: N ``SegDataSample``.
        predict: Whether the teacher labels the images, as in training; else
            they keep their ground truth.

    Returns:
        The batch before and after ``batch_transforms``; for its keys see
        ``MeanTeacherSegmentor.pseudo_label``.

    Raises:
        ValueError: If ``batch_transforms`` draws no mask.
    """
    training = model.training
    # The teacher labels with the statistics of the batch.
    model.train()
    if predict:
        batch = model.pseudo_label(img, data_samples)
    else:
        batch = _true_label(model, img, data_samples)
    mixed = model.batch_transforms(batch)
    model.train(training)
    if 'mask' not in mixed:
        raise ValueError(
            'model.batch_transforms draws no mask: it needs a mix, such as '
            "dict(type='ClassMix')"
        )
    return batch, mixed


def _true_label(model: nn.Module, img: Tensor, data_samples: list) -> dict:
    """Take the ground truth for what a teacher is certain of."""
    facts = constants(model.student, model.data_preprocessor)
    label = torch.cat([s.gt_sem_seg.data for s in data_samples])
    # The only value outside the classes is that of ignored pixels.
    ignored = label >= facts['num_classes']
    padding = padding_mask(img, data_samples)
    if padding is not None:
        ignored = ignored | padding
    generator = None
    if model.mix_seed is not None:
        generator = torch.Generator(img.device).manual_seed(model.mix_seed)
    return dict(
        facts,
        img=img,
        pseudo_label=label.masked_fill(ignored, facts['ignore_index']),
        confidence=(~ignored).float(),
        generator=generator,
    )


def browse_mixes(
    model: nn.Module, dataloader: DataLoader, seed: int, predict: bool = True
) -> Iterator[Mix]:
    """Mix batch after batch as a training with this seed mixes them.

    Args:
        model: A ``MeanTeacherSegmentor``; its weights do not change.
        dataloader: Batches of labeled and unlabeled samples.
        seed: Seed of the run, as for ``IterSeedHook``.
        predict: See :func:`label_and_mix`. Ground truth is known of the
            labeled images: without predictions these are mixed.

    Yields:
        The mixes of the first iteration, of the second, and so on.

    Raises:
        ValueError: If a batch lacks labeled or unlabeled images, or nothing
            is mixed.
    """
    for iteration, data in enumerate(dataloader):
        data = model.data_preprocessor(data, True)
        labeled, unlabeled = split_batch(**data)
        part = unlabeled if predict else labeled
        model.mix_seed = derive_seed('mix', seed, iteration)
        with seeded('iter', seed, 0, iteration):
            batch, mixed = label_and_mix(model, *part, predict)
        names = [osp.basename(sample.img_path) for sample in part[1]]
        yield from _mixes(batch, mixed, names)


def _mixes(batch: dict, mixed: dict, names: list[str]) -> Iterator[Mix]:
    images = denormalize(batch['img'], batch)
    mixed_images = denormalize(mixed['img'], mixed)
    labels = batch['pseudo_label'].cpu().numpy()
    for i, name in enumerate(names):
        # Mixing makes a ring of the batch.
        partner = (i + 1) % len(names)
        yield Mix(
            names=(name, names[partner]),
            image=images[i],
            partner=images[partner],
            label=labels[i],
            mask=mixed['mask'][i].cpu().numpy(),
            mixed_image=mixed_images[i],
            mixed_label=mixed['pseudo_label'][i].cpu().numpy(),
            ignore_index=batch['ignore_index'],
        )
