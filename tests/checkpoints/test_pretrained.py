"""Weights that are missing or do not fit, of both parts of DeepLab-v2."""

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from support import CLASSMIX, call_tool
from tool_process import run_python

from mmseg_classmix.checkpoints.compare import compare


def backbone(**kwargs):
    """A ResNet-18 of 1/16 of the channels, as in tests/configs."""
    options = dict(depth=18, stem_channels=4, base_channels=4)
    return MODELS.build(dict(options, type='DeepLabResNet', **kwargs))


def mean_teacher(**options):
    cfg = Config.fromfile(str(CLASSMIX))
    cfg.merge_from_dict(
        {'model.segmentor.backbone.type': 'DeepLabResNet', **options}
    )
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def test_missing_weights_are_an_error_that_helps(tmp_path):
    path = str(tmp_path / 'none.pth')
    init_cfg = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    with pytest.raises(FileNotFoundError) as error:
        mean_teacher(**{'model.segmentor.backbone.init_cfg': init_cfg})
    for part in (
        path,
        'resnet101COCO-41f33a49.pth',
        f'python tools/model_converters/deeplab_coco.py SRC {path}',
        '--cfg-options model.backbone.init_cfg=None',
        'model.segmentor.backbone.init_cfg=None',
        'docs/pretrained_weights.md',
    ):
        assert part in str(error.value)
    head = dict(init_cfg, prefix='decode_head.')
    with pytest.raises(FileNotFoundError, match='decode_head.init_cfg=None'):
        mean_teacher(**{'model.segmentor.decode_head.init_cfg': head})


@pytest.mark.parametrize('prefix', ['backbone.', 'backbone', None])
def test_mean_teacher_starts_from_the_file(prefix, tmp_path):
    source = backbone()
    start = 'backbone.' if prefix else 'module.'
    state = {f'{start}{k}': v for k, v in source.state_dict().items()}
    # A list of initializers, as mmengine allows it, and a counter too few.
    del state[f'{start}bn1.num_batches_tracked']
    torch.save(dict(state_dict=state), tmp_path / 'x.pth')
    init_cfg = [
        dict(type='Constant', val=3, layer='Conv2d'),
        dict(
            type='Pretrained',
            checkpoint=str(tmp_path / 'x.pth'),
            prefix=prefix,
        ),
    ]
    model = mean_teacher(**{'model.segmentor.backbone.init_cfg': init_cfg})
    for network in (model.student, model.teacher):
        for name, parameter in network.backbone.named_parameters():
            assert torch.equal(parameter, source.get_parameter(name)), name


@pytest.mark.parametrize(
    ('rename', 'message'),
    [
        (lambda key: f'net.{key}', '100 of 100 tensors'),
        (
            lambda key: f'backbone.{key}'.replace('layer4', 'stage4'),
            r'25 of 100 tensors .* shape: layer4.0.conv1.weight is missing',
        ),
    ],
    ids=['nothing', 'a part'],
)
@pytest.mark.parametrize('prefix', ['backbone.', None])
def test_weights_that_do_not_fit_are_refused(
    rename, message, prefix, tmp_path
):
    state = {rename(k): v for k, v in backbone().state_dict().items()}
    if prefix is None:
        state = {k.removeprefix('backbone.'): v for k, v in state.items()}
    torch.save(state, tmp_path / 'x.pth')
    net = backbone(
        init_cfg=dict(
            type='Pretrained',
            checkpoint=str(tmp_path / 'x.pth'),
            prefix=prefix,
        )
    )
    with pytest.raises(ValueError, match=message):
        net.init_weights()


def test_training_needs_the_weights_or_the_word(tmp_path):
    """The stock command line, without and with the option of the message."""
    missing = tmp_path / 'checkpoints' / 'none.pth'
    path = tmp_path / 'config.py'
    init = dict(type='Pretrained', checkpoint=str(missing), prefix='backbone.')
    backbone = dict(type='DeepLabResNet', init_cfg=init)
    model = dict(segmentor=dict(backbone=backbone))
    path.write_text(f'_base_ = {str(CLASSMIX)!r}\nmodel = {model!r}\n')
    command = [
        'train.py',
        path,
        '--work-dir',
        tmp_path / 'run',
        '--cfg-options',
        'train_cfg.max_iters=1',
        'optim_wrapper.paramwise_cfg.custom_keys.decode_head.lr_mult=10',
    ]
    with pytest.raises((FileNotFoundError, ValueError)) as error:
        call_tool(*command)
    assert f'no pretrained weights in {missing}' in str(error.value)
    option = 'model.segmentor.backbone.init_cfg=None'
    assert option in str(error.value)
    done = run_python(*command, option)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / 'run' / 'iter_1.pth').is_file()
    # One line for every frozen tensor would drown the log.
    assert 'requires_grad=False' not in done.stdout


def test_names_that_mmengine_does_not_load_do_not_fit():
    source = backbone()
    for start, fits in (('module.', True), ('_orig_mod.', False)):
        state = {f'{start}{k}': v for k, v in source.state_dict().items()}
        assert (compare(state, source) is None) == fits
