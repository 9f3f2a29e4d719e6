import pytest
from drawn_weights import DEEPLAB
from mmengine.config import Config
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from support import ROOT

from mmseg_classmix.deploy.stock_config import config_text, stock_sections


def exported(tmp_path, **options):
    cfg = Config.fromfile(str(DEEPLAB))
    cfg.merge_from_dict(options)
    text = config_text(stock_sections(cfg, dict(type='X')), [], ['Header.'])
    path = tmp_path / 'config.py'
    path.write_text(text)
    assert text.startswith('# Header.\n')
    return Config.fromfile(str(path))


def test_only_testing_is_left(tmp_path):
    cfg = exported(tmp_path)
    assert set(cfg) == {
        'default_scope',
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


def test_imports_of_others_stay(tmp_path):
    imports = ['mmseg_classmix', 'json', 'mmseg_classmix.models']
    cfg = exported(tmp_path, **{'custom_imports.imports': imports})
    assert cfg.custom_imports.imports == ['json']


def test_our_data_sets_become_plain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key = 'test_dataloader.dataset'
    cfg = exported(
        tmp_path,
        **{
            f'{key}.type': 'CamVidDataset',
            f'{key}.img_suffix': '.jpeg',
            f'{key}.metainfo': None,
            f'{key}.data_root': 'data/mine',
        },
    )
    dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, lazy_init=True))
    assert type(dataset) is BaseSegDataset
    assert dataset.metainfo['classes'][9] == 'pedestrian'
    assert dataset.metainfo['palette'][9] == [64, 64, 0]
    assert dataset.img_suffix == '.jpeg'
    assert dataset.data_root == str(tmp_path / 'data/mine')


def test_classes_left_out_are_refused(tmp_path):
    cfg = Config.fromfile(str(DEEPLAB))
    dataset = cfg.test_dataloader.dataset
    dataset.type, dataset.metainfo = 'CamVidDataset', dict(classes=['road'])
    with pytest.raises(ValueError, match='convert the masks'):
        stock_sections(cfg, {})


def test_evaluation_is_at_the_size_of_the_mask(tmp_path):
    load, pack = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')
    sized = [load, dict(type='EvaluateAt', size='input_size'), pack]
    cfg = exported(tmp_path, **{'test_dataloader.dataset.pipeline': sized})
    assert cfg.test_pipeline == [load, pack]
    own = [load, dict(type='RandomScale', ratio_range=(1, 2)), pack]
    with pytest.raises(ValueError, match='RandomScale of mmseg_classmix'):
        exported(tmp_path, **{'test_dataloader.dataset.pipeline': own})


def test_metrics_of_ours_are_left_out(tmp_path):
    iou = dict(type='IoUMetric', iou_metrics=['mDice'])
    both = [dict(type='ConfusionMatrix'), iou]
    assert exported(tmp_path, test_evaluator=both).test_evaluator == iou
    ours = exported(tmp_path, test_evaluator=both[:1]).test_evaluator
    assert ours == dict(type='IoUMetric', iou_metrics=['mIoU'])


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('tta_model', 'MeanTeacherSegmentor'),
        ('test_dataloader.batch_sampler', 'mmseg.ClassMix'),
        ('test_dataloader.collate_fn', stock_sections),
    ],
)
def test_types_of_ours_are_refused_wherever_they_are(key, value):
    cfg = Config.fromfile(str(DEEPLAB))
    *owner, last = key.split('.')
    (cfg[owner[0]] if owner else cfg)[last] = dict(type=value)
    name = getattr(value, '__name__', value)
    with pytest.raises(ValueError, match=f'{key} is a {name} of mmseg_'):
        stock_sections(cfg, {})


def test_wrappers_of_ours_are_refused():
    cfg = Config.fromfile(str(DEEPLAB))
    data = cfg.test_dataloader
    data.dataset = dict(type='MultiSourceDataset', datasets=[data.dataset])
    with pytest.raises(ValueError, match='dataset is a MultiSourceDataset'):
        stock_sections(cfg, {})


def test_own_data_are_read_by_the_plain_data_set():
    cfg = Config.fromfile(str(ROOT / 'configs/supervised/own_data.py'))
    cfg.test_dataloader.dataset.update(mask_values=[0, 200])
    dataset = stock_sections(cfg, {})['test_dataloader']['dataset']
    built = DATASETS.build(dict(dataset, lazy_init=True, pipeline=[]))
    assert type(built) is BaseSegDataset
    assert (built.img_suffix, built.seg_map_suffix) == ('.jpg', '.png')
    assert built.metainfo['classes'] == ('background', 'object')
