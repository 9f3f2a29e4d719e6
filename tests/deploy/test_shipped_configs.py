"""Every config of the repository can be used where its data are not."""

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from support import ROOT

from mmseg_classmix.deploy import dataset_meta, inference_pipeline
from mmseg_classmix.deploy.stock_config import config_text, stock_sections
from mmseg_classmix.deploy.stock_model import stock_model
from mmseg_classmix.deploy.trained_network import segmentor_config

CONFIGS = [
    path
    for path in sorted((ROOT / 'configs').glob('*/*.py'))
    if path.parent.name != '_base_'
]
CLASSES = dict(
    camvid=11, cityscapes=19, voc12aug=21, street_scenes=9, own_data=2
)


def nowhere(cfg):
    """Take the data away, if this machine has them."""
    cfg.test_dataloader.dataset.data_root = '/nowhere'
    return cfg


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_classes_and_translation_need_no_data(path):
    init_default_scope('mmseg')
    cfg = nowhere(Config.fromfile(str(path)))
    model, modules = stock_model(segmentor_config(cfg))
    head = model['decode_head']
    head = head[-1] if isinstance(head, list) else head
    meta = dataset_meta(cfg, head['num_classes'])
    data = next((n for n in CLASSES if n in path.stem), 'cityscapes')
    assert len(meta['classes']) == len(meta['palette']) == CLASSES[data]
    assert inference_pipeline(cfg)[0]['type'] == 'LoadImageFromFile'
    sections = stock_sections(cfg, model)
    compile(config_text(sections, modules, ['x']), path.name, 'exec')
    assert not [n for n in _types([sections, model]) if n in OURS]


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


def _types(value):
    if isinstance(value, dict):
        kind = [value['type']] if 'type' in value else []
        return sum(map(_types, value.values()), kind)
    if isinstance(value, list | tuple):
        return sum(map(_types, value), [])
    return []
