import pytest
import torch
from drawn_weights import draw_weights
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from support import ROOT

from mmseg_classmix.deploy.modules import (  # noqa: F401  registered
    ceil_pool_resnet,
    dilation_sum_head,
)
from mmseg_classmix.deploy.stock_config import config_text
from mmseg_classmix.deploy.stock_model import stock_model

DEEPLAB = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='DeepLabResNet',
        depth=50,
        num_stages=4,
        stem_channels=4,
        base_channels=2,
        norm_cfg=dict(type='SyncBN'),
        init_cfg=dict(type='Pretrained', checkpoint='nowhere.pth'),
    ),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=64,
        in_index=3,
        num_classes=5,
        align_corners=True,
        loss_decode=[dict(type='GlobalCrossEntropyLoss', loss_weight=0.5)],
    ),
    auxiliary_head=dict(type='FCNHead'),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)


def test_deeplab_computes_the_same(monkeypatch):
    """Defaults of our classes are not those of mmseg's."""
    translated, modules = stock_model(ConfigDict(DEEPLAB))
    assert modules == ['ceil_pool_resnet', 'dilation_sum_head']
    ours = ConfigDict(DEEPLAB)
    ours.pop('auxiliary_head')
    ours.backbone.norm_cfg = dict(type='BN')
    ours = draw_weights(MODELS.build(ours))
    stock = MODELS.build(ConfigDict(translated)).eval()
    stock.load_state_dict(ours.state_dict())
    # 43 becomes 22 in the stem, and 12 (not 11) in the pool.
    image = torch.randn(1, 3, 43, 50)
    metas = [dict(img_shape=(43, 50))]
    with torch.no_grad():
        expected = ours.encode_decode(image, metas)
        assert torch.equal(stock.encode_decode(image, metas), expected)
    assert expected.std() > 0
    # Somebody may train on, with labels to ignore.
    label = torch.full((1, 43, 50), 255)
    label[:, :20] = 3
    sample = SegDataSample(gt_sem_seg=PixelData(data=label))
    losses = stock.decode_head.loss_by_feat(expected, [sample])
    assert 0 < losses['loss_ce'] < 100


def test_what_only_trains_is_left_out():
    translated, _ = stock_model(ConfigDict(DEEPLAB))
    text = str(translated)
    for word in ('Global', 'SyncBN', 'auxiliary', 'nowhere', 'train_cfg'):
        assert word not in text
    (loss,) = translated['decode_head']['loss_decode']
    expected = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    assert loss == dict(expected, loss_weight=0.5)


def test_a_network_of_mmseg_stays_as_it_is():
    cfg = ConfigDict(
        type='EncoderDecoder',
        backbone=dict(type='ResNet', depth=18),
        decode_head=dict(type='FCNHead', loss_decode=dict(type='DiceLoss')),
    )
    assert stock_model(cfg) == (cfg, [])


def test_other_types_of_ours_are_refused():
    cfg = ConfigDict(
        type='EncoderDecoder',
        decode_head=dict(loss_decode=dict(type='PseudoLabelLoss')),
    )
    with pytest.raises(ValueError, match=r'model.decode_head.loss_decode: mm'):
        stock_model(cfg)


def test_efficientnet_computes_the_same(tmp_path):
    """From its source in a config, as others read it."""
    cfg = Config.fromfile(str(ROOT / 'configs/supervised/camvid_1-8_lite0.py'))
    model, modules = stock_model(cfg.model)
    assert modules == ['lite_stages']
    ours = cfg.model
    ours.backbone.pop('init_cfg', None)
    ours.pop('auxiliary_head', None)
    ours = draw_weights(revert_sync_batchnorm(MODELS.build(ours)))
    text = config_text(dict(model=model), modules, ['Header.'])
    (tmp_path / 'config.py').write_text(text)
    read = Config.fromfile(str(tmp_path / 'config.py'))
    stock = MODELS.build(read.model).eval()
    assert 'mmseg_classmix' not in type(stock.backbone).__module__
    stock.load_state_dict(ours.state_dict())
    image = torch.randn(1, 3, 43, 50)
    metas = [dict(img_shape=(43, 50))]
    with torch.no_grad():
        expected = ours.encode_decode(image, metas)
        assert torch.equal(stock.encode_decode(image, metas), expected)
    assert expected.std() > 0
