"""Every config builds; the paper's are held against a table typed from it."""

import math
import re
from functools import cache
from pathlib import Path

import pytest
import torch
from config_keys import load
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from mmseg.registry import MODELS
from support import ROOT
from test_model_index import check_entry

# Section 4.1 and Table 1, 2: labeled images of every fraction.
LABELED = {
    'cityscapes_1-30': 100,
    'cityscapes_1-8': 372,
    'cityscapes_1-4': 744,
    'cityscapes_1-2': 1488,
    'cityscapes_full': 2975,
    'voc12aug_1-100': 106,
    'voc12aug_1-50': 212,
    'voc12aug_1-20': 529,
    'voc12aug_1-8': 1323,
    'voc12aug_1-4': 2646,
    'voc12aug_full': 10582,
}
# Section 4.1: classes, size, labeled images of a GPU (two of them).
DATA = {
    'cityscapes': (19, (512, 1024), 1),
    'voc12aug': (21, (321, 321), 5),
}
# Section 4.1: geometric augmentation of both streams.
AUGMENTATION = {
    'cityscapes': set(),
    'voc12aug': {'scale', 'RandomFlip', 'RandomCrop'},
}
GEOMETRY = {
    'RandomFlip': 'RandomFlip',
    'RandomCrop': 'RandomCrop',
    'RandomResize': 'scale',
    'RandomScale': 'scale',
}
# Table 3: mix, loss, weighting, transforms after the mix, iterations, crop.
DEFAULT = ('ClassMix', 'PseudoLabelLoss', 'proportion_per_image', [], 40000, 0)
JITTER = ['ColorJiggle', 'RandomGaussianBlur']
ABLATIONS = {
    'cowmix': ('CowMix', *DEFAULT[1:]),
    'cutmix': ('CutMix', *DEFAULT[1:]),
    'no_mix': (None, *DEFAULT[1:]),
    'pixelwise_threshold': (*DEFAULT[:2], 'threshold', *DEFAULT[3:]),
    'sigmoid_ramp_up': (*DEFAULT[:2], 'ramp_up', *DEFAULT[3:]),
    'constant_weight': (*DEFAULT[:2], 'constant', *DEFAULT[3:]),
    'squared_error': ('ClassMix', 'SquaredErrorLoss', *DEFAULT[2:]),
    'no_pseudo_label': ('ClassMix', 'SoftPseudoLabelLoss', *DEFAULT[2:]),
    'random_crop': (*DEFAULT[:5], 512),
    'extra_augmentations': (*DEFAULT[:3], JITTER, *DEFAULT[4:]),
    '80k': (*DEFAULT[:4], 80000, 0),
    'published_code': (
        *DEFAULT[:2],
        'proportion_per_batch',
        JITTER,
        *DEFAULT[4:],
    ),
}
# Of Table 2, as the published code augments it.
PUBLISHED_SCALE = 'ablations/voc12aug_published_scale'
BASELINES = {'random_crop_baseline': (40000, 512), 'baseline_80k': (80000, 0)}
EXPERIMENTS = [
    *(f'supervised/{name}' for name in LABELED),
    *(f'classmix/{name}' for name in LABELED if 'full' not in name),
    *(f'ablations/{name}' for name in [*ABLATIONS, *BASELINES]),
    PUBLISHED_SCALE,
]


CONFIGS = sorted(
    f'{path.parent.name}/{path.stem}'
    for path in (ROOT / 'configs').glob('*/*.py')
    if path.parent.name != '_base_'
)


def load_config(name):
    return load(f'configs/{name}.py')


def is_semi(cfg):
    return cfg.model.type == 'MeanTeacherSegmentor'


def network_of(cfg):
    return cfg.model.segmentor if is_semi(cfg) else cfg.model


def once(check):
    """Configs share networks and schedules: check each of them once."""
    checked = cache(lambda arguments: check(*arguments.values))
    return lambda *values: checked(ByText(values))


class ByText:
    """Equal if it reads alike."""

    def __init__(self, values):
        self.values, self.text = values, repr(values)

    def __eq__(self, other):
        return self.text == other.text

    def __hash__(self):
        return hash(self.text)


@once
def check_network(network, size):
    # Shapes only: a ResNet-101 at full size would take a minute.
    with torch.device('meta'):
        model = MODELS.build(network).eval()
        logits = model.encode_decode(
            torch.zeros(1, 3, *size), [dict(img_shape=torch.Size(size))]
        )
    assert logits.shape == (1, model.num_classes, *size)


@once
def check_schedule(scheduler, total):
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.3)
    scheduler = PARAM_SCHEDULERS.build(
        scheduler, default_args=dict(optimizer=optimizer)
    )
    for i in range(total):
        if i in (0, 1, total // 2, total - 1):
            expected = 0.3 * (1 - i / total) ** 0.9
            (group,) = optimizer.param_groups
            assert math.isclose(group['lr'], expected, rel_tol=1e-6)
        scheduler.step()


def check_pair(semi, supervised):
    """A ClassMix config differs from its baseline in the method only."""
    assert semi.model.segmentor == supervised.model
    ours, theirs = (
        dict(cfg.train_dataloader.dataset.datasets[0])
        for cfg in (semi, supervised)
    )
    lists = [Path(source.pop('ann_file')) for source in (ours, theirs)]
    assert lists[0].resolve() == lists[1].resolve()
    assert ours == theirs
    assert semi.model.unsup_loss.type == 'PseudoLabelLoss'
    assert semi.model.batch_transforms[0].type == 'ClassMix'
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
        assert semi[key] == supervised[key]


@pytest.mark.parametrize('name', CONFIGS)
def test_config(name):
    cfg = load_config(name)
    loader = cfg.train_dataloader
    assert loader.batch_size == loader.sampler.batch_size
    assert len(loader.dataset.datasets) == len(loader.sampler.source_ratio)
    check_entry(f'configs/{name}.py', cfg)
    # Other models have mmseg's schedules, and transformers cannot be built
    # without content: tests/test_other_models.py.
    if not name.startswith('other_models/'):
        check_network(network_of(cfg), cfg.data_preprocessor['size'])
        (scheduler,) = cfg.param_scheduler
        check_schedule(scheduler, cfg.train_cfg.max_iters)
    if name.startswith('classmix/'):
        baseline = name.replace('classmix', 'supervised')
        check_pair(cfg, load_config(baseline))


def test_no_experiment_is_missing():
    # Tables 1 to 3 have no others; no_mix and published_* are ours.
    others = re.compile('_r18|_lite0|own_data|^other|^domain')
    paper = {name for name in CONFIGS if not others.search(name)}
    assert paper == set(EXPERIMENTS)


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_experiment_is_that_of_the_paper(name):
    cfg = load_config(name)
    data = 'voc12aug' if 'voc12aug' in name else 'cityscapes'
    check_deeplab(cfg, data, name)
    check_optimizer(cfg, name)
    labeled, streams = DATA[data][2], 2 if is_semi(cfg) else 1
    loader = cfg.train_dataloader
    assert loader.batch_size == loader.sampler.batch_size == labeled * streams
    assert list(loader.sampler.source_ratio) == [1] * streams
    assert cfg.sync_bn == 'torch'
    assert cfg.env_cfg.dist_cfg.backend == 'nccl'
    check_images(cfg, data, name)
    if 'ablations' not in name:
        check_lists(cfg, name)
    check_method(cfg, name.split('/')[1])


def check_deeplab(cfg, data, name):
    network = network_of(cfg)
    backbone, head = network.backbone, network.decode_head
    assert (backbone.type, backbone.depth) == ('DeepLabResNet', 101)
    branches = (6, 12) if 'published_code' in name else (6, 12, 18, 24)
    assert tuple(head.dilations) == branches
    assert (head.type, head.in_channels) == ('DeepLabV2Head', 2048)
    assert head.num_classes == DATA[data][0]
    assert 'auxiliary_head' not in network
    # SEMANTICS section 10: Caffe's weights, with their colors.
    assert network.data_preprocessor.bgr_to_rgb is False
    assert tuple(network.data_preprocessor.mean) == (104.008, 116.669, 122.675)
    assert tuple(network.data_preprocessor.std) == (1, 1, 1)
    assert network.backbone.init_cfg.type == 'Pretrained'


def check_optimizer(cfg, name):
    wrapper = cfg.optim_wrapper.optimizer
    assert (wrapper.type, wrapper.lr) == ('SGD', 2.5e-4)
    assert (wrapper.momentum, wrapper.weight_decay) == (0.9, 5e-4)
    assert wrapper.nesterov is ('published_code' not in name)
    (poly,) = cfg.param_scheduler
    assert (poly.type, poly.power, poly.by_epoch) == ('PolyLR', 0.9, False)
    # The last of N iterations still has (1 / N)^0.9 of the rate.
    assert poly.end == cfg.train_cfg.max_iters + 1


def check_images(cfg, data, name):
    crop = {**{k: v[5] for k, v in ABLATIONS.items()}}
    crop.update({k: v[1] for k, v in BASELINES.items()})
    side = crop.get(name.split('/')[1], 0)
    size = (side, side) if side else DATA[data][1]
    expected = AUGMENTATION[data] | ({'RandomCrop'} if side else set())
    if name == PUBLISHED_SCALE:
        expected = expected - {'RandomFlip'}
    scales = (0.5, 1.6 if name == PUBLISHED_SCALE else 1.5)
    preprocessor = network_of(cfg).data_preprocessor
    assert tuple(preprocessor.size) == size
    for stream in cfg.train_dataloader.dataset.datasets:
        steps = [GEOMETRY.get(step.type) for step in stream.pipeline]
        assert {step for step in steps if step} == expected
        for step in stream.pipeline:
            if step.type == 'RandomCrop':
                assert tuple(step.crop_size) == size
            if step.type == 'RandomScale':
                assert tuple(step.ratio_range) == scales
            if data == 'cityscapes' and step.type == 'Resize':
                assert tuple(step.scale) == (1024, 512)
                assert step.backend == 'pillow'


def check_lists(cfg, name):
    data, fraction = name.split('/')[1].split('_')
    lists = [
        getattr(stream, 'ann_file', '').split('configs/')[-1]
        for stream in cfg.train_dataloader.dataset.datasets
    ]
    if fraction == 'full':
        # Cityscapes has one mask an image, VOC the list of train_aug.
        assert all('splits' not in path for path in lists)
        return
    kinds = ['labeled', 'unlabeled'][: len(lists)]
    tails = [f'splits/{data}/{fraction}_0_{kind}.txt' for kind in kinds]
    assert all(a.endswith(b) for a, b in zip(lists, tails, strict=True))


def check_method(cfg, key):
    if not is_semi(cfg):
        assert cfg.train_cfg.max_iters == BASELINES.get(key, (40000, 0))[0]
        return
    mix, loss, weighting, extra, iters, _ = ABLATIONS.get(key, DEFAULT)
    transforms = [t for t in cfg.model.batch_transforms]
    names = [t.type for t in transforms if t.type != 'KorniaAugment']
    assert names == ([mix] if mix else [])
    kornia = [
        step.type
        for t in transforms
        if t.type == 'KorniaAugment'
        for step in t.transforms
    ]
    assert kornia == extra
    built = MODELS.build(cfg.model.unsup_loss)
    assert type(built).__name__ == loss
    assert built.unsup_weight.weighting == weighting
    assert built.unsup_weight.threshold == 0.968
    assert built.unsup_weight.ramp_up_iters == 10000
    assert built.loss_weight == 1
    assert cfg.train_cfg.max_iters == iters
    (hook,) = cfg.custom_hooks
    assert hook == dict(type='MeanTeacherHook')


def test_extra_augmentations_have_the_published_strength():
    (_, kornia) = load_config(
        'ablations/extra_augmentations'
    ).model.batch_transforms
    jitter, blur = kornia.transforms
    strength = {key: jitter[key] for key in jitter if key not in ('type', 'p')}
    assert set(strength) == {'brightness', 'contrast', 'saturation', 'hue'}
    assert set(strength.values()) == {0.25}
    assert (jitter.p, blur.p) == (0.8, 0.5)
    assert tuple(blur.sigma) == (0.15, 1.15)
    # About a tenth of 512x1024, and odd.
    assert tuple(blur.kernel_size) == (51, 103)


@pytest.mark.parametrize('name', ['supervised', 'classmix'])
def test_head_learns_ten_times_as_fast(name):
    cfg = load_config(f'{name}/voc12aug_1-8')
    model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    rates = {
        id(parameter): (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    student = model.student if name == 'classmix' else model
    for key, parameter in student.named_parameters():
        if parameter.requires_grad:
            rate = 2.5e-3 if key.startswith('decode_head') else 2.5e-4
            assert rates[id(parameter)] == pytest.approx((rate, 5e-4))


def test_camvid_is_what_the_documentation_says():
    cfg = load_config('classmix/camvid_1-8_r18')
    assert cfg.data_preprocessor.size == (180, 240)
    assert cfg.model.segmentor.backbone.depth == 18
    assert cfg.model.segmentor.backbone.base_channels == 32
    assert cfg.train_dataloader.batch_size == 8
    assert cfg.train_dataloader.sampler.source_ratio == [1, 1]
    assert cfg.optim_wrapper.optimizer.lr == 0.01
    assert cfg.train_cfg.max_iters == 3000
    net = MODELS.build(cfg.model).student
    features = net.backbone(torch.zeros(1, 3, 192, 256))
    # Output stride 16.
    assert features[-1].shape == (1, 256, 12, 16)
