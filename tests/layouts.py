"""Small data sets in the layout and with the names of the real ones.

Written with PIL, from the data sets' own descriptions, not with our code.
"""

import json

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmseg.registry import MODELS
from PIL import Image
from torch import nn

CITIES = dict(
    train=('aachen', 'bochum', 'zurich'),
    val=('frankfurt', 'lindau', 'munster'),
)
# Height, width: VOC has images of many sizes.
VOC_SIZES = ((375, 500), (500, 333), (281, 500), (142, 200))


def blocks(rng, size, values, block=8):
    """A map of random squares: (H, W) uint8."""
    rows, cols = (-(-side // block) for side in size)
    coarse = rng.choice(np.array(values, np.uint8), (rows, cols))
    fine = coarse.repeat(block, 0).repeat(block, 1)
    return fine[: size[0], : size[1]]


# Color of every mask value, RGB.
COLORS = np.random.default_rng(1).integers(20, 236, (256, 3))


def paint(rng, mask):
    """An image whose colors tell the classes, noise on top: (H, W, 3) RGB."""
    noise = rng.integers(-20, 21, (*mask.shape, 3))
    return (COLORS[mask] + noise).astype(np.uint8)


def write_cityscapes(root, per_city=4, val_per_city=1, size=(64, 128)):
    """Write Cityscapes with the files of its archives and of mmseg.

    Args:
        root: Folder that ``data/cityscapes`` would be.
        per_city: Number of train images of each of 3 cities.
        val_per_city: The same for val.
        size: Height and width; 1024 and 2048 in the real one.
    """
    rng = np.random.default_rng(0)
    for split, cities in CITIES.items():
        count = per_city if split == 'train' else val_per_city
        for city in cities:
            images = root / 'leftImg8bit' / split / city
            masks = root / 'gtFine' / split / city
            images.mkdir(parents=True)
            masks.mkdir(parents=True)
            for i in range(count):
                frame = f'{city}_{i:06d}_000019'
                mask = blocks(rng, size, [*range(19), 255])
                image = Image.fromarray(paint(rng, mask))
                image.save(images / f'{frame}_leftImg8bit.png')
                start = f'{masks}/{frame}_gtFine_'
                Image.fromarray(mask).save(f'{start}labelTrainIds.png')
                # What lies beside: other ids, which must not be taken.
                other = np.where(mask == 255, 0, mask + 7).astype(np.uint8)
                for name in ('labelIds', 'instanceIds', 'color'):
                    Image.fromarray(other).save(f'{start}{name}.png')
                with open(f'{start}polygons.json', 'w') as file:
                    json.dump(dict(imgHeight=size[0], imgWidth=size[1]), file)


# Label ids of Cityscapes' 19 classes (cityscapesScripts, labels.py).
LABEL_IDS = (
    7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33
)  # fmt: skip


def write_gta5(root, count=6, size=(66, 120)):
    """Write GTA5 as its archives unpack: label ids in palette masks.

    Images are painted by the classes of Cityscapes.

    Args:
        root: Folder that ``data/gta5`` would be.
        count: Number of images.
        size: Height and width; 1052 and 1914 in most of the real ones.
    """
    rng = np.random.default_rng(5)
    palette = rng.integers(0, 256, 768).tolist()
    for name in ('images', 'labels'):
        (root / name).mkdir(parents=True)
    # What is beside the 19: unlabeled, ego vehicle, ground, guard rail,
    # bridge, caravan and license plate.
    others = (0, 1, 6, 14, 15, 29, 34)
    for i in range(1, count + 1):
        ids = blocks(rng, size, [*LABEL_IDS, *others])
        train_id = np.full(ids.shape, 255)
        for number, label_id in enumerate(LABEL_IDS):
            train_id[ids == label_id] = number
        image = Image.fromarray(paint(rng, train_id))
        image.save(root / 'images' / f'{i:05d}.png')
        mask = Image.fromarray(ids)
        mask.putpalette(palette)
        mask.save(root / 'labels' / f'{i:05d}.png')


def write_voc(root, train=6, aug=6, val=4, sizes=VOC_SIZES):
    """Write VOC 2012 with the masks and lists of SBD.

    Args:
        root: Folder that ``data/VOCdevkit/VOC2012`` would be.
        train: Number of train images of VOC.
        aug: Number of images that only SBD has masks of.
        val: Number of validation images.
        sizes: Heights and widths, taken in turn.
    """
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, 768).tolist()
    for name in ('JPEGImages', 'SegmentationClass', 'SegmentationClassAug'):
        (root / name).mkdir(parents=True)
    lists = root / 'ImageSets' / 'Segmentation'
    lists.mkdir(parents=True)
    names = [f'2007_{i:06d}' for i in range(train)]
    names += [f'2008_{i:06d}' for i in range(aug)]
    names += [f'2009_{i:06d}' for i in range(val)]
    for i, name in enumerate(names):
        size = sizes[i % len(sizes)]
        mask = blocks(rng, size, [*range(21), 255], 32)
        image = Image.fromarray(paint(rng, mask))
        image.save(root / 'JPEGImages' / f'{name}.jpg', quality=95)
        plain = Image.fromarray(mask)
        plain.save(root / 'SegmentationClassAug' / f'{name}.png')
        if not name.startswith('2008'):
            # VOC's own masks have a palette, those of SBD have none.
            plain.putpalette(palette)
            plain.save(root / 'SegmentationClass' / f'{name}.png')
    parts = dict(
        train=names[:train],
        aug=names[train : train + aug],
        val=names[train + aug :],
        # mmseg's converter writes them in no order.
        trainaug=list(rng.permutation(names[: train + aug])),
    )
    parts['trainval'] = parts['train'] + parts['val']
    for part, listed in parts.items():
        (lists / f'{part}.txt').write_text('\n'.join(listed) + '\n')


def relocate(cfg, root, scale=None, crop_size=None):
    """Point a loaded config at a written data set, smaller if asked to.

    Args:
        cfg: Config or a part of it; changed in place and returned.
        root: New ``data_root`` of every dataset.
        scale: New ``scale`` (width, height) of every ``Resize``.
        crop_size: New size (height, width) of every ``RandomCrop``.
    """
    if isinstance(cfg, list):
        for item in cfg:
            relocate(item, root, scale, crop_size)
    elif hasattr(cfg, 'items'):
        new = dict(
            Resize=('scale', scale), RandomCrop=('crop_size', crop_size)
        )
        key, value = new.get(cfg.get('type'), (None, None))
        if value and key in cfg:
            cfg[key] = value
        for key, value in cfg.items():
            if key == 'data_root':
                cfg[key] = str(root)
            elif key in ('num_workers', 'persistent_workers'):
                cfg[key] = type(value)(0)
            elif isinstance(value, (list, ConfigDict)):
                relocate(value, root, scale, crop_size)
    return cfg


@MODELS.register_module()
class ColorBackbone(nn.Module):
    """The image itself as features: predictions follow the colors."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return (x,)


def color_weights(num_classes):
    """A state dict with which `color_model` names the nearest color."""
    colors = torch.tensor((COLORS[:num_classes] - 128) / 64).float()
    weight = torch.zeros(num_classes, 3, 3, 3)
    weight[:, :, 1, 1] = 2 * colors
    bias = -(colors**2).sum(1)
    name = 'decode_head.branches.0'
    return {f'{name}.weight': weight, f'{name}.bias': bias}


def color_model(num_classes):
    """A config of a segmentor that needs no training."""
    return dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[128.0] * 3,
            std=[64.0] * 3,
            bgr_to_rgb=True,
            seg_pad_val=255,
        ),
        backbone=dict(type='ColorBackbone'),
        decode_head=dict(
            type='DeepLabV2Head',
            in_channels=3,
            in_index=0,
            num_classes=num_classes,
            dilations=(1,),
            align_corners=True,
            loss_decode=dict(type='GlobalCrossEntropyLoss'),
        ),
        test_cfg=dict(mode='whole'),
    )
