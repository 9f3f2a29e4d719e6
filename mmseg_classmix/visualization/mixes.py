"""Mixes as training makes them, with what they were made of."""

import os.path as osp
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmseg_classmix.mixing.batch_mix import labeled_partners
from mmseg_classmix.mixing.seeding import derive_seed, generator, seeded
from mmseg_classmix.models.segmentors.mean_teacher import (
    labeled_batch,
    split_batch,
)
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
    model: nn.Module,
    img: Tensor,
    data_samples: list,
    predict: bool = True,
    labeled: tuple[Tensor, list] | None = None,
) -> tuple[dict, dict]:
    """Label and mix images with the model's own code.

    Args:
        model: A ``MeanTeacherSegmentor``; its ``mix_seed`` draws the masks.
        img: Preprocessed images, (N, 3, H, W) float.
        data_samples: N ``SegDataSample``.
        predict: Whether the teacher labels the images, as in training; else
            they keep their ground truth, if they have one.
        labeled: Images and samples that a mix with ``source='labeled'``
            pastes.

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
        batch = _known_label(model, img, data_samples)
    if labeled is not None:
        batch['labeled'] = labeled_batch(*labeled, batch)
    mixed = model.batch_transforms(batch)
    model.train(training)
    if 'mask' not in mixed:
        raise ValueError(
            'model.batch_transforms draws no mask: it needs a mix, such as '
            "dict(type='ClassMix')"
        )
    return batch, mixed


def _known_label(model: nn.Module, img: Tensor, data_samples: list) -> dict:
    """Take the ground truth for what a teacher is certain of.

    Images without one are ignored.
    """
    batch = model.constants
    batch['generator'] = generator(model.mix_seed, img.device)
    if 'gt_sem_seg' in data_samples[0]:
        label = labeled_batch(img, data_samples, batch)['label']
    else:
        label = torch.full_like(
            img[:, 0], batch['ignore_index'], dtype=torch.int64
        )
    confidence = (label != batch['ignore_index']).float()
    return dict(batch, img=img, pseudo_label=label, confidence=confidence)


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
        labeled, unlabeled = split_batch(
            **data, fewest_unlabeled=model.fewest_unlabeled
        )
        pastes = 'labeled' in model.mix_sources
        part = unlabeled if predict or pastes else labeled
        model.mix_seed = derive_seed('mix', seed, iteration)
        with seeded('iter', seed, 0, iteration):
            batch, mixed = label_and_mix(
                model, *part, predict, labeled if pastes else None
            )
        names = _names(part[1], labeled[1] if pastes else None)
        yield from _mixes(batch, mixed, names)


def _names(samples: list, labeled: list | None) -> list[tuple[str, str]]:
    """File names of A and B for every mix."""
    names = [osp.basename(sample.img_path) for sample in samples]
    if labeled is None:
        return list(zip(names, names[1:] + names[:1], strict=True))
    pasted = [osp.basename(sample.img_path) for sample in labeled]
    rows = (i * len(pasted) // len(names) for i in range(len(names)))
    return [(pasted[row], names[i]) for i, row in enumerate(rows)]


def _mixes(
    batch: dict, mixed: dict, names: list[tuple[str, str]]
) -> Iterator[Mix]:
    if 'ground_truth' in mixed:
        first = labeled_partners(batch, ('img', 'pseudo_label'))
        partners = batch['img']
    else:
        # Mixing makes a ring of the batch.
        first, partners = batch, batch['img'].roll(-1, 0)
    images, partners, mixed_images = (
        denormalize(img, batch)
        for img in (first['img'], partners, mixed['img'])
    )
    labels = first['pseudo_label'].cpu().numpy()
    for i, pair in enumerate(names):
        yield Mix(
            names=pair,
            image=images[i],
            partner=partners[i],
            label=labels[i],
            mask=mixed['mask'][i].cpu().numpy(),
            mixed_image=mixed_images[i],
            mixed_label=mixed['pseudo_label'][i].cpu().numpy(),
            ignore_index=batch['ignore_index'],
        )
