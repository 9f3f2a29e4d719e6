import math

import pytest
from drawn_weights import DEEPLAB
from mmengine.config import Config
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from support import ROOT

from mmseg_classmix.deploy.stock_config import config_text, stock_sections

DATASET = 'test_dataloader.dataset'


def exported(tmp_path, **options):
    cfg = Config.fromfile(str(DEEPLAB))
    cfg.merge_from_dict(options)
    text = config_text(stock_sections(cfg, dict(type='X')), [], ['Header.'])
    path = tmp_path / 'config.py'
    path.write_text(text)
    assert text.startswith('# Header.\n')
    return Config.fromfile(str(path))


def test_only_testing_and_imports_of_others_are_left(tmp_path):
    imports = ['mmseg_classmix', 'json', 'mmseg_classmix.models']
    cfg = exported(tmp_path, **{'custom_imports.imports': imports})
    assert set(cfg) == {
        'default_scope',
        'custom_imports',
        'model',
        'test_pipeline',
        'test_dataloader',
        'test_evaluator',
        'test_cfg',
        'tta_pipeline',
        'tta_model',
        'default_hooks',
        'visualizer',
    }
    assert cfg.test_dataloader.dataset.pipeline == cfg.test_pipeline
    assert 'mmseg_classmix' not in cfg.pretty_text
    assert cfg.custom_imports.imports == ['json']


def test_our_data_sets_become_plain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = exported(
        tmp_path,
        **{
            f'{DATASET}.type': 'CamVidDataset',
            f'{DATASET}.img_suffix': '.jpeg',
            f'{DATASET}.metainfo': None,
            f'{DATASET}.data_root': 'data/mine',
        },
    )
    dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, lazy_init=True))
    assert type(dataset) is BaseSegDataset
    assert dataset.metainfo['classes'][9] == 'pedestrian'
    assert dataset.metainfo['palette'][9] == [64, 64, 0]
    assert dataset.img_suffix == '.jpeg'
    assert dataset.data_root == str(tmp_path / 'data/mine')
    cfg = Config.fromfile(str(ROOT / 'configs/supervised/own_data.py'))
    cfg.test_dataloader.dataset.update(mask_values=[0, 200])
    dataset = stock_sections(cfg, {})['test_dataloader']['dataset']
    built = DATASETS.build(dict(dataset, lazy_init=True, pipeline=[]))
    assert type(built) is BaseSegDataset
    assert (built.img_suffix, built.seg_map_suffix) == ('.jpg', '.png')
    assert built.metainfo['classes'] == ('background', 'object')


def test_size_of_evaluation_and_metrics_of_ours_are_left_out(tmp_path):
    load, pack = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')
    sized = [load, dict(type='EvaluateAt', size='input_size'), pack]
    iou = dict(type='IoUMetric', iou_metrics=['mDice'])
    both = [dict(type='ConfusionMatrix'), iou]
    options = {f'{DATASET}.pipeline': sized, 'test_evaluator': both}
    cfg = exported(tmp_path, **options)
    assert cfg.test_pipeline == [load, pack]
    assert cfg.test_evaluator == iou
    ours = exported(tmp_path, test_evaluator=both[:1]).test_evaluator
    assert ours == dict(type='IoUMetric', iou_metrics=['mIoU'])


PSEUDO = dict(decode_head=dict(loss_decode=dict(type='PseudoLabelLoss')))
SCALE = [[dict(type='RandomScale')]]


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('tta_model', dict(type='MeanTeacherSegmentor'), 'is a MeanTeacher'),
        ('test_dataloader.batch_sampler', dict(type='mmseg.ClassMix'), 'is a'),
        ('test_dataloader.collate_fn', dict(type=stock_sections), 'is a stoc'),
        ('test_pipeline', SCALE, '[0][0] is a RandomScale of mmseg_classmix'),
        ('model', PSEUDO, '.decode_head.loss_decode is a PseudoLabelLoss'),
        ('test_evaluator', dict(type='IoUMetric', a=object()), '.a is <obj'),
        ('test_evaluator', dict(type='IoUMetric', a=math.inf), '.a is inf'),
    ],
)
def test_what_a_config_for_others_cannot_have_is_named(key, value, message):
    cfg = Config.fromfile(str(DEEPLAB))
    model = value if key == 'model' else dict(type='X')
    if key == 'test_pipeline':
        cfg.test_dataloader.dataset.pipeline = value
    elif key.startswith('test_dataloader'):
        cfg.test_dataloader[key.partition('.')[2]] = value
    else:
        cfg[key] = value
    with pytest.raises(ValueError) as error:
        stock_sections(cfg, model)
    assert str(error.value).startswith(key) and message in str(error.value)


def test_data_that_stock_mmseg_cannot_read_are_refused():
    cfg = Config.fromfile(str(DEEPLAB))
    dataset = cfg.test_dataloader.dataset
    wrapped = dict(type='MultiSourceDataset', datasets=[dataset])
    cfg.test_dataloader.dataset = wrapped
    with pytest.raises(ValueError, match='dataset is a MultiSourceDataset'):
        stock_sections(cfg, {})
    dataset.type, dataset.metainfo = 'CamVidDataset', dict(classes=['road'])
    cfg.test_dataloader.dataset = dataset
    with pytest.raises(ValueError, match='convert the masks'):
        stock_sections(cfg, {})
