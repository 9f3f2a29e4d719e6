"""Crop size, batch and schedule for somebody's images."""

import os
from dataclasses import dataclass

import numpy as np
import torch

GIB = 2**30
# Longest side of a crop.
LONGEST = dict(GPU=512, CPU=256)
# A whole image is at most so many crops long: a crop should show enough to
# be recognized, and validation has whole images in memory.
CROPS = 4
# Passes over the larger stream, as in the paper: 40000 iterations with 2
# unlabeled images of the 2603 of Cityscapes (1/8) are 31, with 10 of the
# 9259 of Pascal VOC 43.
PASSES = 40
# Passes over the labeled images: 215 there.
LABELED_PASSES = 200
ITERS = dict(GPU=(10000, 40000), CPU=(2000, 4000))
# Memory of a training step of DeepLab-v2 R50 in GiB, computed by
# tools/benchmarks/computed_memory.py for --amp and 19 classes: the networks,
# and a labeled and an unlabeled image of 512x512.
NETWORKS_GIB, PAIR_GIB = 0.3, 1.05
# More classes: so many float32 logits a pixel of the pair, as with 150.
LOGITS = 5
# A GPU with less, in GiB, gets the network of a CPU if that is pretrained.
SMALL = 4
# Share of a GPU that a step may take.
USABLE = 0.75


@dataclass(frozen=True)
class Machine:
    """Where the training will run: GiB of a GPU, 0 for none; CPU cores."""

    memory: float
    cores: int

    @property
    def kind(self) -> str:
        """'GPU' or 'CPU'."""
        return 'GPU' if self.memory else 'CPU'


def this_machine(memory: float | None = None) -> Machine:
    """Look at this machine, or assume GiB of GPU memory, 0 for no GPU."""
    if memory is None:
        memory = 0.0
        if torch.cuda.is_available():
            memory = torch.cuda.get_device_properties(0).total_memory / GIB
    return Machine(memory, os.cpu_count() or 1)


@dataclass(frozen=True)
class Proposal:
    """Settings, and the reasons for them.

    ``crop_size`` is (height, width), ``scale`` the factor that all images are
    resized by first, ``batch`` the number of labeled images in a batch, and of
    unlabeled ones.
    """

    crop_size: tuple[int, int]
    scale: float
    batch: int
    iters: int
    workers: int
    why: dict[str, str]


def propose(
    sizes: list[tuple[int, int]],
    num_labeled: int,
    num_unlabeled: int,
    num_classes: int,
    machine: Machine,
    iters: int | None = None,
) -> Proposal:
    """Propose settings for (height, width) of the labeled images."""
    longest = LONGEST[machine.kind]
    height, width = (float(side) for side in np.median(sizes, 0))
    scale = min(1.0, CROPS * longest / max(height, width))
    # Rounded down, so that two digits in the config say all of it.
    scale = scale if scale == 1 else max(int(scale * 100), 1) / 100
    # Multiples of 16.
    crop = tuple(
        min(longest, max(32, round(scale * side / 16) * 16))
        for side in (height, width)
    )
    batch = _batch(machine, crop, num_classes)
    resized = '' if scale == 1 else f', times {scale}'
    fitting = (
        f'what fits {machine.memory:.0f} GiB with --amp and a ResNet-50 '
        '(docs/own_data.md)'
    )
    why = dict(
        crop_size=f'{height:.0f}x{width:.0f}, the median of the labeled '
        f'images{resized}, to multiples of 16, at most {longest} a side on '
        f'a {machine.kind}',
        batch='Labeled images in a batch: '
        f'{fitting if machine.memory else "few, for a CPU"}',
        iters='as given with --iters',
    )
    if scale < 1:
        why['scale'] = (
            f'{height:.0f}x{width:.0f} is more than {CROPS} crops of '
            f'{longest} long, so all images are resized; 1 would keep small '
            'things visible, at the price of context and memory'
        )
    if iters is None:
        low, high = ITERS[machine.kind]
        images = max(PASSES * num_unlabeled, LABELED_PASSES * num_labeled)
        iters = int(np.clip(-(-images / batch // 500) * 500, low, high))
        why['iters'] = (
            f'{PASSES} passes over {num_unlabeled} unlabeled images or '
            f'{LABELED_PASSES} over {num_labeled} labeled ones, but '
            f'{low} to {high} on a {machine.kind}'
        )
    workers = max(1, min(machine.cores, batch))
    return Proposal(crop, scale, batch, iters, workers, why)


def _batch(machine: Machine, crop: tuple[int, int], num_classes: int) -> int:
    """Largest of 8, 4 and 2 that fits; 4 without a GPU."""
    if not machine.memory:
        return 4
    pixels = crop[0] * crop[1]
    logits = LOGITS * pixels * max(num_classes - 19, 0) * 4 / GIB
    pair = PAIR_GIB * pixels / 512**2 + logits
    fits = (USABLE * machine.memory - NETWORKS_GIB) / pair
    return next((batch for batch in (8, 4) if batch <= fits), 2)
