"""The configs of other models, and small networks of the same kinds."""

from functools import cache
from pathlib import Path

import mmseg
from mmengine.config import Config
from support import CLASSMIX, ROOT, tiny_config

FOLDER = ROOT / 'configs' / 'other_models'
CONFIGS = sorted(path.stem for path in FOLDER.glob('*.py'))
# Heads without classes of the data set.
OTHER_CLASSES = ('STDCHead',)
HRNET = (4, 8, 12, 16)
# Its head pools windows of 49x49 features; those of the stem suffice.
SIZES = dict(lraspp=104)
CROSS_ENTROPY = dict(type='CrossEntropyLoss')
HARD = dict(type='OhemCrossEntropy', min_kept=100)
# It learns edges, too.
PIDNET = dict(
    backbone=dict(
        type='PIDNet',
        channels=8,
        ppm_channels=8,
        num_stem_blocks=1,
        num_branch_blocks=1,
    ),
    decode_head=dict(
        type='PIDHead',
        in_channels=32,
        channels=8,
        align_corners=True,
        loss_decode=[CROSS_ENTROPY, HARD, dict(type='BoundaryLoss'), HARD],
    ),
)


def _resnet(head):
    return dict(
        backbone=dict(depth=18, stem_channels=8, base_channels=8),
        decode_head=dict(in_channels=64, channels=8, **head),
        auxiliary_head=dict(in_channels=32, channels=8),
    )


def _hrnet():
    stages = {
        f'stage{i}': dict(
            num_modules=1, num_blocks=(1,) * i, num_channels=HRNET[:i]
        )
        for i in range(1, 5)
    }
    head = dict(in_channels=list(HRNET), channels=8)
    return dict(
        backbone=dict(extra=stages),
        decode_head=[head, dict(head, ocr_channels=4)],
    )


# What makes the network of a config small, by the first word of its name.
SMALL = dict(
    deeplabv3plus=_resnet(dict(c1_in_channels=8, c1_channels=4)),
    pspnet=_resnet({}),
    upernet=dict(
        backbone=dict(
            embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8]
        ),
        decode_head=dict(in_channels=[8, 16, 32, 64], channels=8),
        auxiliary_head=dict(in_channels=32, channels=8),
    ),
    segformer=dict(
        backbone=dict(embed_dims=8, num_layers=[1, 1, 1, 1]),
        decode_head=dict(in_channels=[8, 16, 40, 64], channels=8),
    ),
    ocrnet=_hrnet(),
    stdc1=dict(
        backbone=dict(
            backbone_cfg=dict(channels=(4, 8, 16, 32, 64)),
            last_in_channels=(64, 32),
            out_channels=8,
            ffm_cfg=dict(in_channels=24, out_channels=16),
        ),
        decode_head=dict(in_channels=16, channels=8),
        auxiliary_head=[
            dict(in_channels=8, channels=4),
            dict(in_channels=8, channels=4),
            dict(in_channels=16, channels=4),
        ],
    ),
    lraspp=dict(
        backbone=dict(arch='small', out_indices=(0, 1, 12)),
        decode_head=dict(
            in_channels=(576, 16, 16), in_index=(2, 1, 0), channels=8
        ),
    ),
    unet=dict(
        backbone=dict(base_channels=4),
        decode_head=dict(in_channels=4, channels=4),
        auxiliary_head=dict(in_channels=8, channels=4),
    ),
)


def word(name):
    """First word of the name of a model."""
    return name.removeprefix('classmix_').replace('-', '_').split('_')[0]


@cache
def load(name):
    """Read a config of other_models."""
    return Config.fromfile(str(FOLDER / f'{name}.py'))


def published_configs():
    """Folder of the configs that mmseg ships."""
    return Path(mmseg.__file__).parent / '.mim' / 'configs'


def heads(segmentor):
    """Configs of all heads of a segmentor."""
    return [
        head
        for key in ('decode_head', 'auxiliary_head')
        for head in _listed(segmentor.get(key) or [])
    ]


def small_segmentor(name, num_classes=3):
    """Network of a config: from scratch, few channels, few classes."""
    segmentor = load(name).model.segmentor.to_dict()
    _merge(segmentor, SMALL[word(name)])
    for head in heads(segmentor):
        if head['type'] not in OTHER_CLASSES:
            head['num_classes'] = num_classes
    backbone = segmentor['backbone']
    for part in (backbone, backbone.get('backbone_cfg', {})):
        part.pop('init_cfg', None)
    size = SIZES.get(word(name), 64)
    segmentor['data_preprocessor']['size'] = (size, size)
    return segmentor


def small_config(name, work_dir):
    """Config of two iterations on the tiny data set, its images enlarged."""
    published = load(name)
    cfg = tiny_config(work_dir, CLASSMIX)
    cfg.model.segmentor = small_segmentor(name)
    cfg.data_preprocessor = cfg.model.segmentor.data_preprocessor
    cfg.optim_wrapper = published.optim_wrapper
    cfg.param_scheduler = published.param_scheduler
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    resize = dict(type='Resize', scale=cfg.data_preprocessor.size)
    for source in cfg.train_dataloader.dataset.datasets:
        source.pipeline.insert(-1, resize)
    cfg.val_dataloader.dataset.update(indices=1)
    # What mmseg.apis takes.
    cfg.test_pipeline.insert(1, resize)
    cfg.val_dataloader.dataset.pipeline = cfg.test_pipeline
    return cfg


def _listed(value):
    return value if isinstance(value, list) else [value]


def _merge(old, new):
    """Put the values of a dict into another one, in lists of dicts too."""
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            _merge(old[key], value)
        elif isinstance(value, list) and isinstance(value[0], dict):
            for pair in zip(old[key], value, strict=True):
                _merge(*pair)
        else:
            old[key] = value
