"""Configs that --model takes, and those that it refuses before all else."""

from importlib.util import find_spec

import pytest
from mmengine.config import Config
from other_models import PIDNET
from own_images import new_project, write_images
from support import ROOT
from tool_process import run_python

from mmseg_classmix.new_project.model_config import UnfitNetwork, find_config
from mmseg_classmix.new_project.network import network_of

CONFIGS = ROOT / 'configs'
KNET = 'knet/knet-s3_r50-d8_upernet_8xb2-adamw-80k_ade20k-512x512.py'
PSPNET = 'pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py'
STDC = 'stdc/stdc1_in1k-pre_4xb12-80k_cityscapes-512x1024.py'


def network(name, num_classes=5, pretrained=None, init=None):
    path = find_config(CONFIGS, name)
    return network_of(CONFIGS, path, num_classes, pretrained, init)


def refusal(name, **options):
    with pytest.raises(UnfitNetwork) as error:
        network(name, **options)
    return f'{error.value} -> {error.value.way_out}'


def write_config(path, text='', base='supervised/camvid_1-8_r18.py'):
    path.write_text(f'_base_ = {str(CONFIGS / base)!r}\n{text}')
    return str(path)


def test_config_without_a_network_is_refused(tmp_path):
    assert 'has no model' in refusal('_base_/schedules/sgd_3k.py')
    with pytest.raises(FileNotFoundError, match='no config none.py'):
        find_config(CONFIGS, 'none.py')
    (tmp_path / 'bad.py').write_text('model = 1 / 0')
    assert 'ZeroDivisionError' in refusal(str(tmp_path / 'bad.py'))
    path = write_config(tmp_path / 'a.py', 'model = dict(decode_head=None)')
    assert 'no decode_head with num_classes' in refusal(path)
    path = tmp_path / 'plain.py'
    path.write_text("model = dict(type='EncoderDecoder', decode_head=dict())")
    assert "add data_preprocessor=dict(type='Seg" in refusal(str(path))


def test_class_weights_of_other_classes_are_dropped(tmp_path):
    text = 'model = dict(decode_head=dict(loss_decode=dict(class_weight=[1.0]'
    path = write_config(tmp_path / 'weighted.py', f'{text} * 11)))')
    loss = network(path).written['decode_head']['loss_decode']
    assert loss == dict(type='GlobalCrossEntropyLoss')


def test_heads_in_heads_get_the_classes():
    model = network(KNET).written
    generator = model['decode_head']['kernel_generate_head']
    updates = model['decode_head']['kernel_update_head']
    heads = [generator, *updates, model['auxiliary_head']]
    assert [head['num_classes'] for head in heads] == [5] * 5
    # These are features.
    assert [head['out_channels'] for head in updates] == [512] * 3


@pytest.mark.parametrize(
    'name',
    [
        'maskformer/maskformer_r50-d32_8xb2-160k_ade20k-512x512.py',
        'san/san-vit-b16_coco-stuff164k-640x640.py',
    ],
)
def test_masks_with_classes_are_refused_whatever_is_installed(name):
    assert 'does not predict logits for every pixel' in refusal(name)


def test_network_that_cannot_be_built_is_refused(tmp_path):
    text = 'model = dict(backbone=dict(depth=17))'
    refused = refusal(write_config(tmp_path / 'deep.py', text))
    assert 'cannot be built: KeyError' in refused
    text = "model = dict(decode_head=dict(type='NoHead'))"
    refused = refusal(write_config(tmp_path / 'no.py', text))
    assert 'NoHead is not in the' in refused


def test_packages_that_a_config_imports(tmp_path, monkeypatch):
    if find_spec('mmpretrain') is None:
        name = 'convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py'
        refused = refusal(f'convnext/{name}')
        assert 'needs mmpretrain.models (custom_imports)' in refused
        assert 'mim install mmpretrain' in refused
    (tmp_path / 'my_backbones.py').touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    text = "custom_imports = dict(imports=['mmseg_classmix', 'my_backbones'])"
    found = network(write_config(tmp_path / 'mine.py', text))
    assert found.imports == ['my_backbones']


def test_weights_that_are_not_there_are_refused(tmp_path):
    text = "model = dict(pretrained='./pretrain/r50.pth')"
    base = find_config(CONFIGS, PSPNET)
    name = write_config(tmp_path / 'local.py', text, base)
    refused = refusal(name)
    assert 'no pretrained weights in ./pretrain/r50.pth (model' in refused
    assert 'model.pretrained' in refused
    assert '--pretrained FILE' in refused
    # The same entry, because the backbone may refuse another.
    assert network(name, pretrained=__file__).written['pretrained'] == __file__
    found = network(name, init=__file__)
    assert found.written['pretrained'] is None
    assert found.load_from == __file__


def test_given_weights_go_where_the_others_are():
    (remark,) = network(STDC).remarks
    assert remark.startswith('training starts with a download of https://')
    assert 'stdc1_' in remark
    found = network(STDC, pretrained=__file__)
    assert 'init_cfg' not in found.written['backbone']
    start = found.written['backbone']['backbone_cfg']['init_cfg']
    assert start == dict(type='Pretrained', checkpoint=__file__)
    assert not found.remarks


def test_weights_at_two_places_cannot_be_replaced_by_one_file(tmp_path):
    start = "init_cfg=dict(type='Pretrained', checkpoint='{}')"
    text = f"""
model = dict(
    backbone=dict({start.format('a.pth')}, inner=dict({start.format('b.pth')}))
)
"""
    refused = refusal(
        write_config(tmp_path / 'two.py', text), pretrained=__file__
    )
    assert 'model.backbone.init_cfg.checkpoint and model.ba' in refused


def test_network_that_learns_edges_is_trained(tmp_path, monkeypatch):
    root = write_images(tmp_path, labeled=4, size=(70, 90))
    parts = dict(PIDNET, type='EncoderDecoder')
    parts['decode_head'] = dict(parts['decode_head'], num_classes=19)
    preprocessor = dict(type='SegDataPreProcessor', pad_val=0)
    model = dict(parts, data_preprocessor=preprocessor)
    (tmp_path / 'my_module.py').write_text("print('module is imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = Config(dict(model=model, custom_imports=dict(imports='my_module')))
    cfg.dump(tmp_path / 'pidnet.py')
    command = '--model', tmp_path / 'pidnet.py', '--iters', '1'
    new_project(root, *command)
    options = [
        f'{loader}_dataloader.{option}'
        for loader in ('train', 'val')
        for option in ('num_workers=0', 'persistent_workers=False')
    ]
    config = root / 'my project' / 'classmix.py'
    done = run_python(
        'train.py', config, '--cfg-options', *options, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert 'module is imported' in done.stdout
    assert 'loss_bd' in done.stdout or 'acc_seg' in done.stdout
