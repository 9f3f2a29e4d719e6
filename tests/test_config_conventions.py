"""What all configs have in common, and what the small ones promise."""

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from mmseg.registry import MODELS
from support import ROOT

CONFIGS = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for path in (ROOT / 'configs').glob('*/*.py')
    if path.parent.name != '_base_'
)


@cache
def load(name):
    return Config.fromfile(str(ROOT / 'configs' / name))


@pytest.mark.parametrize('name', CONFIGS)
def test_batch_of_sampler_and_loader_agree(name):
    loader = load(name).train_dataloader
    assert loader.batch_size == loader.sampler.batch_size
    assert len(loader.dataset.datasets) == len(loader.sampler.source_ratio)


# Other models have the schedules of mmseg: tests/test_other_models.py.
@pytest.mark.parametrize(
    'name', [n for n in CONFIGS if not n.startswith('other_models/')]
)
def test_learning_rate_falls_as_published(name):
    cfg = load(name)
    total = cfg.train_cfg.max_iters
    model = torch.nn.Linear(1, 1)
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    (scheduler_cfg,) = cfg.param_scheduler
    scheduler = PARAM_SCHEDULERS.build(
        scheduler_cfg, default_args=dict(optimizer=optim_wrapper)
    )
    base = cfg.optim_wrapper.optimizer.lr
    for i in range(total):
        if i in (0, 1, total // 2, total - 1):
            expected = base * (1 - i / total) ** 0.9
            assert math.isclose(
                optim_wrapper.get_lr()['lr'][0], expected, rel_tol=1e-6
            )
        scheduler.step()


@pytest.mark.parametrize(
    'name', [n for n in CONFIGS if n.startswith('classmix/')]
)
def test_classmix_differs_from_its_baseline_in_the_method_only(name):
    semi, supervised = load(name), load(name.replace('classmix', 'supervised'))
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


def test_camvid_is_what_the_documentation_says():
    cfg = load('classmix/camvid_1-8_r18.py')
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
