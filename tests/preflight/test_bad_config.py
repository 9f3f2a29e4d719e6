"""Wrong models, losses, hooks and batches are refused before iteration 1."""

import pytest
from bad_config import (
    missing_words,
    set_batch,
    set_value,
    source,
    train_broken,
)
from error_table import ROWS, rows
from mmengine.model import BaseModule
from mmseg.registry import MODELS

HOOK = 'custom_hooks.0'
LOSS = 'model.unsup_loss'
BATCH = 'train_dataloader.batch_size'
MASK_HEAD = dict(_delete_=True, type='MaskHead')
# Nothing listens there.
NOWHERE = dict(type='Pretrained', checkpoint='http://127.0.0.1:9/weights.pth')


@MODELS.register_module()
class MaskHead(BaseModule):
    """As the heads of mmdet that MaskFormer and Mask2Former have."""

    align_corners, num_classes, out_channels = False, 3, 3


def one_source(cfg, root):
    cfg.train_dataloader.dataset.datasets = [source(cfg, 0)]
    cfg.train_dataloader.sampler.source_ratio = [1]


def plain_segmentor(cfg, root):
    cfg.model = cfg.model.segmentor
    cfg.val_cfg = dict(type='ValLoop')


def hook_alone(cfg, root):
    plain_segmentor(cfg, root)
    one_source(cfg, root)


def plain_segmentor_with_our_loop(cfg, root):
    cfg.model = cfg.model.segmentor
    cfg.custom_hooks = []


def no_learner(cfg, root):
    plain_segmentor(cfg, root)
    cfg.custom_hooks = []


def no_transform_list(cfg, root):
    cfg.model.batch_transforms = dict(type='ClassMix')


def pad_unlabeled(cfg, root):
    source(cfg, 1).pipeline.insert(1, dict(type='Pad', size=(32, 40)))


def add_step(index, **step):
    """Return a change that adds a transform before packing."""
    return lambda cfg, _: source(cfg, index).pipeline.insert(-1, step)


CASES = {
    'batch size is no multiple of the ratio': (
        set_batch(3),
        ['batch_size=3', 'source_ratio=[1, 1]'],
    ),
    'batch size is 0 or negative': (set_batch(-4), [f'{BATCH}=-4', '1']),
    'sampler and loader have different batch sizes': (
        set_value(BATCH, 8),
        [f'{BATCH}=8', 'sampler.batch_size=4'],
    ),
    'ratio has too few entries': (
        set_value('train_dataloader.sampler.source_ratio', [1]),
        ['source_ratio=[1]', '2 datasets'],
    ),
    'ratio has an entry below 1': (
        set_value('train_dataloader.sampler.source_ratio', [4, 0]),
        ['source_ratio=[4, 0]'],
    ),
    'one unlabeled image in the global batch': (
        set_batch(2),
        ['1 unlabeled image', BATCH],
    ),
    'no unlabeled stream': (
        one_source,
        ['no unlabeled source', 'UnlabeledDataset', '.dataset.datasets'],
    ),
    'unlabeled stream, but a model that learns from masks': (
        no_learner,
        ['2 sources', 'EncoderDecoder', "model.type='MeanTeacherSegmentor'"],
    ),
    'padding in the unlabeled pipeline': (
        pad_unlabeled,
        ['datasets[1]', 'Pad', 'data_preprocessor.size'],
    ),
    'crop size of 0': (
        add_step(1, type='RandomCrop', crop_size=(0, 8)),
        ['datasets[1].pipeline[2]', 'RandomCrop', '(0, 8)'],
    ),
    'scale of 0': (
        add_step(0, type='Resize', scale=(0, 0)),
        ['datasets[0].pipeline[3]', 'Resize', 'images/train/im_'],
    ),
    'transform of unknown name': (
        add_step(0, type='RandomFlop'),
        ['datasets[0].pipeline[3]', 'RandomFlop'],
    ),
    'argument of unknown name': (
        lambda cfg, _: source(cfg, 1).update(img_sufix='.png'),
        ['datasets[1]', 'UnlabeledDataset', 'img_sufix'],
    ),
    'unknown weighting': (
        set_value(f'{LOSS}.weighting', 'linear'),
        [f"{LOSS}.weighting='linear'", 'proportion_per_image'],
    ),
    'threshold outside [0, 1]': (
        set_value(f'{LOSS}.threshold', 1.5),
        [f'{LOSS}.threshold=1.5', '[0, 1]'],
    ),
    'threshold is no number': (
        set_value(f'{LOSS}.threshold', 'high'),
        [f"{LOSS}.threshold='high'"],
    ),
    'ramp-up of 0 iterations': (
        set_value(f'{LOSS}.ramp_up_iters', 0),
        [f'{LOSS}.ramp_up_iters=0'],
    ),
    'negative loss weight': (
        set_value(f'{LOSS}.loss_weight', -1),
        [f'{LOSS}.loss_weight=-1'],
    ),
    'momentum of the teacher outside [0, 1]': (
        set_value(f'{HOOK}.momentum', -0.1),
        ['momentum=-0.1', '[0, 1]', 'custom_hooks'],
    ),
    'unknown treatment of buffers': (
        set_value(f'{HOOK}.buffers', 'mean'),
        ["buffers='mean'"],
    ),
    'unknown network to predict on': (
        set_value('model.predict_on', 'both'),
        ["model.predict_on='both'", 'student', 'teacher'],
    ),
    'running statistics that nobody updates': (
        set_value('model.teacher_norm_eval', True),
        ['teacher_norm_eval', 'buffers', 'custom_hooks'],
    ),
    'MeanTeacherHook without a teacher': (
        hook_alone,
        ['MeanTeacherHook', 'MeanTeacherSegmentor'],
    ),
    'validation of a teacher that is not there': (
        plain_segmentor_with_our_loop,
        ['TeacherStudentValLoop', 'MeanTeacherSegmentor'],
    ),
    'best checkpoint by a metric of no network': (
        set_value('default_hooks.checkpoint.save_best', 'mIoU'),
        ["save_best='mIoU'", 'student/mIoU'],
    ),
    'a single output channel for more than two classes': (
        set_value('model.segmentor.decode_head.out_channels', 1),
        ['decode_head.out_channels=1', 'num_classes=3'],
    ),
    'head that predicts masks': (
        set_value('model.segmentor.decode_head', MASK_HEAD),
        ['decode_head MaskHead', 'masks', 'docs/other_models.md'],
    ),
    'pretrained weights that cannot be fetched': (
        set_value('model.segmentor.backbone.init_cfg', NOWHERE),
        [NOWHERE['checkpoint'], 'backbone.init_cfg=None', 'checkpoints'],
    ),
    'more classes in the data than in the head': (
        set_value('model.segmentor.decode_head.num_classes', 2),
        ['3 classes', 'num_classes=2'],
    ),
    'two different preprocessors': (
        set_value('data_preprocessor.size', (64, 64)),
        ['(64, 64)', 'data_preprocessor', 'model.segmentor'],
    ),
    'batch transforms are no list': (
        no_transform_list,
        ['model.batch_transforms', 'list'],
    ),
    'pretrained weights at the wrong place': (
        set_value('model.pretrained', 'weights.pth'),
        ['model.segmentor.pretrained', 'weights.pth'],
    ),
}


@pytest.mark.parametrize('case', rows(CASES))
def test_message_names_value_and_place(case, tmp_path, tiny_data):
    change, words = CASES[case]
    assert ROWS[case].found == 'start'
    with pytest.raises((ValueError, OSError, AssertionError)) as error:
        train_broken(tmp_path, change, tiny_data)
    assert missing_words(error, words) == []
    assert not list(tmp_path.glob('*.pth'))
