"""Networks in types that stock mmseg has, and configs that bring the rest."""

import re

import pytest
import torch
from drawn_weights import draw_weights, write_checkpoint
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from support import ROOT, SUPERVISED

from mmseg_classmix.deploy import (
    dataset_meta,
    inference_pipeline,
    read_network,
)
from mmseg_classmix.deploy.export import export_segmentor, stock_model
from mmseg_classmix.deploy.stock_config import config_text, stock_sections
from mmseg_classmix.deploy.trained_network import segmentor_config

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
LITE = ROOT / 'configs/supervised/camvid_1-8_lite0.py'
# Sections of the configs of the repository that differ in what is exported.
SPLITS = re.compile(r'(1-(2|4|20|30|50|100)(_lite0)?|80k|ramp_up|crop.*)$')
CLASSES = dict(
    camvid=11, cityscapes=19, voc12aug=21, street_scenes=9, own_data=2
)
OURS = (
    'DeepLabResNet',
    'DeepLabV2Head',
    'EfficientNetLite',
    'GlobalCrossEntropyLoss',
    'MeanTeacherSegmentor',
    'LabeledDataset',
    'CamVidDataset',
    'StreetScenesDataset',
    'EvaluateAt',
    'ConfusionMatrix',
)


@pytest.mark.parametrize(
    ('cfg', 'names', 'size'),
    [
        # 43 becomes 22 in the stem, and 12 (not 11) in the pool.
        (DEEPLAB, ['CeilPoolResNet', 'DilationSumHead'], (43, 50)),
        (LITE, ['LiteStages'], (43, 50)),
    ],
    ids=['deeplab', 'lite'],
)
def test_the_source_in_a_config_computes_the_same(cfg, names, size, tmp_path):
    """Defaults of our classes are not those of mmseg's."""
    if cfg is LITE:
        cfg = Config.fromfile(str(cfg)).model
    ours = ConfigDict(cfg)
    model, classes = stock_model(ours)
    assert [kind.__name__ for kind in classes] == names
    ours.pop('auxiliary_head', None)
    ours.backbone.pop('init_cfg', None)
    ours = draw_weights(revert_sync_batchnorm(MODELS.build(ours)))
    text = config_text(dict(model=model), classes, ['Header.'])
    assert 'import mmseg_classmix' not in text
    assert 'from mmseg_classmix' not in text
    (tmp_path / 'config.py').write_text(text)
    read = Config.fromfile(str(tmp_path / 'config.py'))
    assert read.model == model
    stock = MODELS.build(read.model).eval()
    assert 'mmseg_classmix' not in type(stock.backbone).__module__
    stock.load_state_dict(ours.state_dict())
    image = torch.randn(1, 3, *size)
    metas = [dict(img_shape=size)]
    with torch.no_grad():
        expected = ours.encode_decode(image, metas)
        assert torch.equal(stock.encode_decode(image, metas), expected)
    assert expected.std() > 0
    # Somebody may train on, with labels to ignore.
    stock.init_weights()
    label = torch.full((1, *size), 255)
    label[:, :20] = 3
    sample = SegDataSample(gt_sem_seg=PixelData(data=label))
    losses = stock.decode_head.loss_by_feat(expected, [sample])
    assert 0 < losses['loss_ce'] < 100


def test_only_what_predicts_is_translated():
    model, _ = stock_model(ConfigDict(DEEPLAB))
    text = str(model)
    for word in ('Global', 'SyncBN', 'auxiliary', 'nowhere', 'train_cfg'):
        assert word not in text
    (loss,) = model['decode_head']['loss_decode']
    expected = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    assert loss == dict(expected, loss_weight=0.5)
    cfg = ConfigDict(
        type='EncoderDecoder',
        backbone=dict(type='ResNet', depth=18),
        decode_head=dict(type='FCNHead', loss_decode=dict(type='DiceLoss')),
    )
    assert stock_model(cfg) == (cfg, [])


@MODELS.register_module()
class ForgetfulResNet(ResNet):
    """Has what its weights do not say, so that no copy is the same."""

    def forward(self, x):
        """Compute features, and something more."""
        return [y + torch.rand(()) for y in super().forward(x)]


def test_what_differs_does_not_take_the_place_of_an_export(tmp_path):
    cfg = Config.fromfile(str(SUPERVISED))
    checkpoint = str(tmp_path / 'w.pth')
    write_checkpoint(checkpoint, SUPERVISED)
    out = tmp_path / 'out'
    export_segmentor(cfg, read_network(cfg, checkpoint), checkpoint, out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert {path.name for path in before} == {'config.py', 'weights.pth'}

    cfg.model.backbone.type = 'ForgetfulResNet'
    network = read_network(cfg, checkpoint)
    with pytest.raises(RuntimeError, match='computes other logits'):
        export_segmentor(cfg, network, checkpoint, out)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_shipped_configs_need_no_data_and_nothing_of_ours():
    paths = [
        path
        for path in sorted((ROOT / 'configs').glob('*/*.py'))
        if path.parent.name != '_base_' and not SPLITS.search(path.stem)
    ]
    assert len(paths) > 25
    for path in paths:
        cfg = Config.fromfile(str(path))
        # Take the data away, if this machine has them.
        cfg.test_dataloader.dataset.data_root = '/nowhere'
        model, classes = stock_model(segmentor_config(cfg))
        head = model['decode_head']
        head = head[-1] if isinstance(head, list) else head
        meta = dataset_meta(cfg, head['num_classes'])
        data = next((n for n in CLASSES if n in path.stem), 'cityscapes')
        assert len(meta['classes']) == len(meta['palette']) == CLASSES[data]
        assert inference_pipeline(cfg)[0]['type'] == 'LoadImageFromFile'
        text = config_text(stock_sections(cfg, model), classes, [path.stem])
        compile(text, path.name, 'exec')
        assert not [name for name in OURS if f"type='{name}'" in text], path


def test_comments_stay_comments():
    """Paths and numbers of others end up in the header of a config."""
    header = ['a\nimport os', 'b\r\x0cc = 1', ' d' * 60]
    for line in config_text({}, [], header).splitlines():
        assert not line or line.startswith('# ')
