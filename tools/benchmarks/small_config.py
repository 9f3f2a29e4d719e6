"""The training of a config on random images of any size."""

from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config

IMAGES = 16


def small_config(
    config: str, folder: Path, size: tuple[int, int], batch: int
) -> Config:
    """Load a config, with random images and from random weights.

    Everything else is that of the config: network, losses, mix, optimizer,
    schedule and hooks, but no validation.
    """
    cfg = Config.fromfile(config)
    network = cfg.model.segmentor
    network.backbone.init_cfg = None
    head = network.decode_head
    head = head[-1] if isinstance(head, list) else head
    _write_images(folder, size, head.num_classes)
    for preprocessor in (
        cfg.get('data_preprocessor'),
        network.get('data_preprocessor'),
    ):
        if preprocessor and preprocessor.get('size'):
            preprocessor.size = size
    cfg.train_dataloader.update(
        batch_size=batch,
        sampler=dict(
            type='MultiSourceSampler', batch_size=batch, source_ratio=[1, 1]
        ),
        dataset=dict(
            type='MultiSourceDataset',
            datasets=_datasets(folder, head.num_classes),
        ),
    )
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.save_best = None
    cfg.work_dir = str(folder / 'run')
    return cfg


def _write_images(folder: Path, size: tuple[int, int], classes: int) -> None:
    rng = np.random.default_rng(0)
    for kind in ('images', 'masks'):
        (folder / kind).mkdir(parents=True)
    for i in range(IMAGES):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        mask = rng.integers(0, classes, size, dtype=np.uint8)
        cv2.imwrite(str(folder / 'images' / f'{i}.png'), image)
        cv2.imwrite(str(folder / 'masks' / f'{i}.png'), mask)


def _datasets(folder: Path, classes: int) -> list[dict]:
    names = [str(i) for i in range(classes)]
    labeled = dict(
        type='BaseSegDataset',
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=dict(
            classes=names, palette=[[i] * 3 for i in range(classes)]
        ),
        data_prefix=dict(
            img_path=str(folder / 'images'), seg_map_path=str(folder / 'masks')
        ),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )
    unlabeled = dict(
        type='UnlabeledDataset',
        data_prefix=dict(img_path=str(folder / 'images')),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='PackSegInputs'),
        ],
    )
    return [labeled, unlabeled]
