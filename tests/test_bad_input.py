"""What a user gets wrong is said before the first iteration."""

import shutil

import cv2
import numpy as np
import pytest
from mmengine.runner import Runner
from support import CLASSMIX, tiny_config

MASKED = dict(type='LoadAnnotations')


def broken(work_dir, change, tiny_data):
    """Build and train a config that `change` has broken."""
    cfg = tiny_config(work_dir, CLASSMIX)
    change(cfg, tiny_data)
    Runner.from_cfg(cfg).train()


def set_value(key, value):
    return lambda cfg, _: cfg.merge_from_dict({key: value})


def set_batch(size):
    def change(cfg, _):
        cfg.train_dataloader.batch_size = size
        cfg.train_dataloader.sampler.batch_size = size

    return change


def source(cfg, index):
    return cfg.train_dataloader.dataset.datasets[index]


def mask_unlabeled(cfg, root):
    unlabeled = source(cfg, 1)
    unlabeled.clear()
    unlabeled.update(source(cfg, 0))


def unmask_labeled(cfg, root):
    labeled = source(cfg, 0)
    labeled.pipeline = [t for t in labeled.pipeline if t != MASKED]


def empty_folder(cfg, root):
    (root / 'nothing').mkdir(exist_ok=True)
    source(cfg, 1).data_prefix.img_path = 'nothing'


def empty_list(cfg, root):
    (root / 'empty.txt').write_text('')
    source(cfg, 0).ann_file = 'empty.txt'


def empty_unlabeled_list(cfg, root):
    (root / 'empty.txt').write_text('')
    source(cfg, 1).ann_file = 'empty.txt'


def missing_in_list(cfg, root):
    (root / 'typo.txt').write_text('im_0\nim_99\n')
    source(cfg, 1).ann_file = 'typo.txt'


def one_unlabeled(cfg, root):
    set_batch(2)(cfg, root)


def running_statistics_nobody_updates(cfg, root):
    cfg.model.teacher_norm_eval = True


def plain_segmentor(cfg, root):
    cfg.model = cfg.model.segmentor
    cfg.val_cfg = dict(type='ValLoop')


def pad_unlabeled(cfg, root):
    source(cfg, 1).pipeline.insert(1, dict(type='Pad', size=(32, 40)))


def too_few_classes(cfg, root):
    cfg.model.segmentor.decode_head.num_classes = 2


def no_classes(cfg, root):
    source(cfg, 0).metainfo = dict()


def save_best_of_nobody(cfg, root):
    cfg.default_hooks.checkpoint.save_best = 'mIoU'


def other_preprocessor(cfg, root):
    cfg.data_preprocessor.size = (64, 64)


def plain_segmentor_with_our_loop(cfg, root):
    cfg.model = cfg.model.segmentor
    cfg.custom_hooks = []


HOOK = 'custom_hooks.0'
LOSS = 'model.unsup_loss'
CASES = {
    'batch no multiple of the ratio': (
        set_batch(3),
        ['batch_size=3', 'source_ratio=[1, 1]'],
    ),
    'sampler and loader disagree': (
        set_value('train_dataloader.batch_size', 8),
        ['train_dataloader.batch_size=8', 'sampler.batch_size=4'],
    ),
    'ratio of too few sources': (
        set_value('train_dataloader.sampler.source_ratio', [1]),
        ['source_ratio=[1]', '2 datasets'],
    ),
    'ratio of nothing': (
        set_value('train_dataloader.sampler.source_ratio', [4, 0]),
        ['source_ratio=[4, 0]'],
    ),
    'masks in the unlabeled stream': (
        mask_unlabeled,
        ['datasets[1]', 'masks', 'LoadAnnotations'],
    ),
    'no masks in the labeled stream': (
        unmask_labeled,
        ['datasets[0]', 'mask', 'LoadAnnotations'],
    ),
    'one unlabeled image': (
        one_unlabeled,
        ['1 unlabeled image', 'train_dataloader.batch_size'],
    ),
    'empty folder': (
        empty_folder,
        ['nothing', 'datasets[1]', 'data_prefix', 'img_suffix'],
    ),
    'missing folder': (
        set_value(
            'train_dataloader.dataset.datasets.1.data_prefix.img_path', 'gone'
        ),
        ['gone', 'data_prefix'],
    ),
    'empty list': (empty_list, ['empty.txt', 'datasets[0]', 'ann_file']),
    'empty unlabeled list': (empty_unlabeled_list, ['empty.txt', 'ann_file']),
    'missing list': (
        set_value('train_dataloader.dataset.datasets.1.ann_file', 'no.txt'),
        ['no.txt', 'ann_file'],
    ),
    'missing labeled list': (
        set_value('train_dataloader.dataset.datasets.0.ann_file', 'no.txt'),
        ['no.txt', 'ann_file'],
    ),
    'typo in the list': (missing_in_list, ['im_99', 'typo.txt']),
    'folder of masks for unlabeled images': (
        set_value(
            'train_dataloader.dataset.datasets.1.data_prefix.seg_map_path',
            'masks',
        ),
        ['seg_map_path', 'no masks'],
    ),
    'unknown weighting': (
        set_value(f'{LOSS}.weighting', 'linear'),
        [f"{LOSS}.weighting='linear'", 'proportion_per_image'],
    ),
    'threshold': (
        set_value(f'{LOSS}.threshold', 1.5),
        [f'{LOSS}.threshold=1.5', '[0, 1]'],
    ),
    'ramp-up': (
        set_value(f'{LOSS}.ramp_up_iters', 0),
        [f'{LOSS}.ramp_up_iters=0'],
    ),
    'loss weight': (
        set_value(f'{LOSS}.loss_weight', -1),
        [f'{LOSS}.loss_weight=-1'],
    ),
    'momentum': (
        set_value(f'{HOOK}.momentum', -0.1),
        ['momentum=-0.1', '[0, 1]', 'custom_hooks'],
    ),
    'buffers': (set_value(f'{HOOK}.buffers', 'mean'), ["buffers='mean'"]),
    'predict_on': (
        set_value('model.predict_on', 'both'),
        ["model.predict_on='both'", 'student', 'teacher'],
    ),
    'stale statistics': (
        running_statistics_nobody_updates,
        ['teacher_norm_eval', 'buffers', 'custom_hooks'],
    ),
    'hook without a teacher': (
        plain_segmentor,
        ['MeanTeacherHook', 'MeanTeacherSegmentor'],
    ),
    'a single output channel': (
        set_value('model.segmentor.decode_head.out_channels', 1),
        ['out_channels=1', 'num_classes'],
    ),
    'missing labeled folder': (
        set_value(
            'train_dataloader.dataset.datasets.0.data_prefix.seg_map_path',
            'gone',
        ),
        ['gone', 'datasets[0]', 'data_prefix.seg_map_path'],
    ),
    'padding in the unlabeled pipeline': (
        pad_unlabeled,
        ['datasets[1]', 'Pad', 'data_preprocessor.size'],
    ),
    'more classes than channels': (
        too_few_classes,
        ['3 classes', 'num_classes=2'],
    ),
    'no classes': (no_classes, ['datasets[0]', 'metainfo']),
    'best of which network': (
        save_best_of_nobody,
        ["save_best='mIoU'", 'student/mIoU'],
    ),
    'two preprocessors': (
        other_preprocessor,
        ['(64, 64)', 'data_preprocessor', 'model.segmentor'],
    ),
    'loop without a teacher': (
        plain_segmentor_with_our_loop,
        ['TeacherStudentValLoop', 'MeanTeacherSegmentor'],
    ),
    'threshold of another type': (
        set_value(f'{LOSS}.threshold', 'high'),
        [f"{LOSS}.threshold='high'"],
    ),
    'transforms that are no list': (
        lambda cfg, _: cfg.model.update(
            batch_transforms=dict(type='ClassMix')
        ),
        ['model.batch_transforms', 'list'],
    ),
    'pretrained at the wrong place': (
        set_value('model.pretrained', 'weights.pth'),
        ['model.segmentor.pretrained', 'weights.pth'],
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_message_names_value_and_place(case, tmp_path, tiny_data):
    change, words = CASES[case]
    with pytest.raises(
        (ValueError, FileNotFoundError, AssertionError)
    ) as error:
        broken(tmp_path, change, tiny_data)
    message = str(error.value)
    assert [word for word in words if word not in message] == []
    assert not list(tmp_path.glob('*.pth'))


def test_mask_value_outside_the_classes_names_the_file(tmp_path, tiny_data):
    root = tmp_path / 'copy'
    shutil.copytree(tiny_data, root)
    path = root / 'masks' / 'train' / 'im_7.png'
    mask = np.zeros((32, 40), np.uint8)
    mask[0, 0] = 7
    cv2.imwrite(str(path), mask)
    (root / 'bad.txt').write_text('im_7\n')

    def change(cfg, _):
        source(cfg, 0).data_root = str(root)
        source(cfg, 0).ann_file = 'bad.txt'

    with pytest.raises(ValueError, match=r'im_7\.png has the values \[7\]'):
        broken(tmp_path, change, tiny_data)
