"""Layer decay of the student against stock mmseg on the plain network."""

import pytest
from mmengine.optim import build_optim_wrapper
from mmseg.engine.optimizers import (
    LayerDecayOptimizerConstructor,
    LearningRateDecayOptimizerConstructor,
)
from mmseg.registry import MODELS
from torch import nn

LAYERS = 3
SEGMENTOR = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='BEiT',
        img_size=(32, 32),
        embed_dims=8,
        num_layers=LAYERS,
        num_heads=2,
        out_indices=(LAYERS - 1,),
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=8,
        channels=8,
        num_classes=3,
        norm_cfg=dict(type='BN'),
    ),
)
OPTIMIZER = dict(type='AdamW', lr=0.01, weight_decay=0.05)
# As published for BEiT, MAE and ConvNeXt.
SETTINGS = {
    'BEiT': (
        LayerDecayOptimizerConstructor,
        dict(num_layers=LAYERS, layer_decay_rate=0.9),
    ),
    'MAE': (
        LearningRateDecayOptimizerConstructor,
        dict(num_layers=LAYERS, decay_rate=0.65, decay_type='layer_wise'),
    ),
    'ConvNeXt': (
        LearningRateDecayOptimizerConstructor,
        dict(num_layers=6, decay_rate=0.9, decay_type='stage_wise'),
    ),
}


@MODELS.register_module()
class TinyConvNeXt(nn.Module):
    """The names that decay of ConvNeXt, which mmpretrain has, goes by."""

    def __init__(self):
        super().__init__()
        self.downsample_layers = nn.ModuleList(
            nn.Conv2d(8, 8, 2) for _ in range(4)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)) for _ in range(4)
        )


def segmentor(kind):
    if kind == 'ConvNeXt':
        return dict(SEGMENTOR, backbone=dict(type='TinyConvNeXt'))
    return SEGMENTOR


def mean_teacher(kind):
    return MODELS.build(
        dict(
            type='MeanTeacherSegmentor',
            segmentor=segmentor(kind),
            batch_transforms=[dict(type='ClassMix')],
            unsup_loss=dict(type='PseudoLabelLoss'),
        )
    )


def settings(kind):
    """What the config of mmseg has, with the name of the constructor."""
    constructor, paramwise = SETTINGS[kind]
    return dict(
        type='OptimWrapper',
        optimizer=dict(OPTIMIZER),
        constructor=constructor.__name__,
        paramwise_cfg=dict(paramwise),
    )


def rates(network, optim_wrapper):
    names = {id(p): name for name, p in network.named_parameters()}
    groups = optim_wrapper.optimizer.param_groups
    found = {
        names[id(p)]: (group['lr'], group['weight_decay'])
        for group in groups
        for p in group['params']
    }
    assert set(found) == set(names.values())
    return found


@pytest.mark.parametrize('kind', SETTINGS)
def test_student_has_the_rates_of_stock_mmseg(kind):
    constructor, paramwise = SETTINGS[kind]
    alone = MODELS.build(segmentor(kind))
    stock = constructor(
        dict(type='OptimWrapper', optimizer=dict(OPTIMIZER)), dict(paramwise)
    )
    expected = rates(alone, stock(alone))
    assert len({rate for rate, _ in expected.values()}) > LAYERS
    model = mean_teacher(kind)
    ours = build_optim_wrapper(model, settings(kind))
    assert rates(model.student, ours) == expected


def test_plain_networks_are_treated_as_before():
    alone = MODELS.build(SEGMENTOR)
    stock = LearningRateDecayOptimizerConstructor(
        dict(type='OptimWrapper', optimizer=dict(OPTIMIZER)),
        dict(SETTINGS['MAE'][1]),
    )
    ours = build_optim_wrapper(alone, settings('MAE'))
    assert rates(alone, ours) == rates(alone, stock(alone))
