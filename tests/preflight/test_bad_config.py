"""Wrong settings, models, losses, hooks, streams and lists: all at once."""

import os
import re
import shutil
from copy import deepcopy

import pytest
import torch
from bad_config import (
    problems_of,
    quick_config,
    set_batch,
    set_value,
    source,
    texts,
    with_words,
)
from error_table import ROWS, row, rows
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmengine.registry import HOOKS
from mmseg.registry import MODELS
from other_models import PIDNET
from support import CLASSMIX, SUPERVISED, call_tool, import_tool, train
from tool_process import run_python

from mmseg_classmix.engine.runner import build_runner
from mmseg_classmix.preflight import (
    PreflightError,
    check_config,
    from_config,
)

HOOK = 'custom_hooks.0'
LOSS = 'model.unsup_loss'
LOADER = 'train_dataloader'
DATASETS = f'{LOADER}.dataset.datasets'
SAMPLER = f'{LOADER}.sampler'
HEAD = 'model.segmentor.decode_head'
BACKBONE = 'model.segmentor.backbone'
# The classes of the tiny data set, two of them exchanged.
OTHER = dict(classes=('ground', 'disk', 'box'), palette=[[0] * 3] * 3)
NAMES = ["'ground', 'disk', 'box'", "'ground', 'box', 'disk'"]


@MODELS.register_module()
class MaskHead(BaseModule):
    """As the heads of mmdet that MaskFormer and Mask2Former have."""

    align_corners, num_classes, out_channels = False, 3, 3


def one_source(cfg):
    cfg.train_dataloader.dataset.datasets = [source(cfg, 0)]
    cfg.train_dataloader.sampler.source_ratio = [1]


def plain_segmentor(cfg):
    cfg.model = cfg.model.segmentor


def no_size(cfg):
    cfg.model.segmentor.data_preprocessor.size = None


def no_hooks(cfg):
    cfg.custom_hooks = []


def no_classes(cfg):
    source(cfg, 0).metainfo = dict()


def no_transform_list(cfg):
    cfg.model.batch_transforms = dict(type='ClassMix')


def pad_unlabeled(cfg):
    source(cfg, 1).pipeline.insert(1, dict(type='Pad', size=(32, 40)))


def add_step(index, **step):
    """Return a change that adds a transform before packing."""
    return lambda cfg: source(cfg, index).pipeline.insert(-1, step)


def mask_unlabeled(cfg):
    unlabeled = source(cfg, 1)
    unlabeled.clear()
    unlabeled.update(source(cfg, 0))


def unmask_labeled(cfg):
    labeled = source(cfg, 0)
    masked = dict(type='LoadAnnotations')
    labeled.pipeline = [t for t in labeled.pipeline if t != masked]


def no_edges(cfg):
    for key, part in PIDNET.items():
        cfg.model.segmentor[key] = ConfigDict(part)
    cfg.model.segmentor.decode_head.num_classes = 3


def empty_folder(cfg):
    folder = os.path.join(os.environ['TINY_DATA'], 'nothing')
    os.makedirs(folder, exist_ok=True)
    source(cfg, 1).data_prefix.img_path = folder


def hide_masks(cfg):
    unlabeled = source(cfg, 1)
    unlabeled.data_prefix.seg_map_path = 'masks'
    unlabeled.eval_pseudo_labels = True


def hide_some_masks(cfg):
    datasets = cfg.train_dataloader.dataset.datasets
    parts = [deepcopy(datasets[1]), datasets[1]]
    hide_masks(cfg)
    datasets[1] = dict(type='ConcatDataset', datasets=parts)


def number_masks_differently(cfg):
    hide_masks(cfg)
    datasets = cfg.train_dataloader.dataset.datasets
    parts = [datasets[0], dict(datasets[0], ignore_index=99)]
    datasets[0] = dict(type='ConcatDataset', datasets=parts)


def paste_labeled(cfg):
    cfg.model.batch_transforms[0].source = 'labeled'


def second_mix(cfg):
    paste_labeled(cfg)
    cfg.model.batch_transforms.append(dict(type='CutMix'))


def other_classes(cfg):
    paste_labeled(cfg)
    source(cfg, 1).metainfo = OTHER
    cfg.val_dataloader.dataset.metainfo = OTHER


def listed(index, data):
    """Return a change that lists these bytes."""

    def change(cfg):
        path = os.path.join(cfg.work_dir, f'list_{index}.txt')
        os.makedirs(cfg.work_dir, exist_ok=True)
        with open(path, 'wb') as file:
            file.write(data.encode() if isinstance(data, str) else data)
        source(cfg, index).ann_file = path

    return change


# Groups of faults that one config can have together: for each row of the
# table, the change and the words of its problem.
SETTINGS = {
    'no iterations': (
        set_value('train_cfg.max_iters', 0),
        ['train_cfg.max_iters=0', 'at least 1'],
    ),
    'validation interval of 0': (
        set_value('train_cfg.val_interval', 0),
        ['train_cfg.val_interval=0'],
    ),
    'learning rate is negative or no number': (
        set_value('optim_wrapper.optimizer.lr', float('nan')),
        ['optim_wrapper.optimizer.lr=nan'],
    ),
    'momentum of the optimizer outside [0, 1]': (
        set_value('optim_wrapper.optimizer.momentum', -0.9),
        ['optim_wrapper.optimizer.momentum=-0.9', '[0, 1]'],
    ),
    'gradients accumulated over 0 iterations': (
        set_value('optim_wrapper.accumulative_counts', 0),
        ['optim_wrapper.accumulative_counts=0'],
    ),
    'batch size of validation or test out of range': (
        set_value('val_dataloader.batch_size', 0),
        ['val_dataloader.batch_size=0'],
    ),
    'batch size is 0 or negative': (
        set_value(f'{LOADER}.batch_size', -4),
        [f'{LOADER}.batch_size=-4', 'at least 1'],
    ),
    'negative number of workers': (
        set_value(f'{LOADER}.num_workers', -1),
        [f'{LOADER}.num_workers=-1'],
    ),
    'workers that are kept, but there are none': (
        set_value('val_dataloader.persistent_workers', True),
        ['val_dataloader.persistent_workers=True', 'num_workers=0'],
    ),
    'size of the preprocessor out of range': (
        set_value('model.segmentor.data_preprocessor.size', (32, 0)),
        ['model.segmentor.data_preprocessor.size=(32, 0)'],
    ),
    'checkpoint to load is missing': (
        set_value('load_from', 'no/such.pth'),
        ["load_from='no/such.pth'", '--resume'],
    ),
    'two different preprocessors': (
        set_value('data_preprocessor.size', (64, 64)),
        ['(64, 64)', 'data_preprocessor', 'model.segmentor'],
    ),
}
ARGUMENTS = {
    'unknown weighting': (
        set_value(f'{LOSS}.weighting', 'linear'),
        [f"{LOSS}.weighting='linear'", 'proportion_per_image'],
    ),
    'unknown source of a mix': (
        set_value('model.batch_transforms.0.source', 'target'),
        ['model.batch_transforms', "'target'", 'labeled'],
    ),
    'a single output channel for more than two classes': (
        set_value(f'{HEAD}.out_channels', 1),
        ['decode_head.out_channels=1', 'num_classes=3'],
    ),
    'momentum of the teacher outside [0, 1]': (
        set_value(f'{HOOK}.momentum', -0.1),
        ['momentum=-0.1', '[0, 1]', 'custom_hooks'],
    ),
    'transform of unknown name': (
        add_step(0, type='RandomFlop'),
        ['datasets[0].pipeline[3]', 'RandomFlop'],
    ),
    'argument of unknown name': (
        lambda cfg: source(cfg, 1).update(img_sufix='.png'),
        ['datasets[1]', 'UnlabeledDataset', 'img_sufix'],
    ),
}
GROUPS = dict(
    settings=SETTINGS,
    arguments=ARGUMENTS,
    loops={
        'training loop of unknown type': (
            set_value('train_cfg.type', 'NoLoop'),
            ["train_cfg.type='NoLoop'", 'custom_imports'],
        ),
        'validation loop of unknown type': (
            set_value('val_cfg.type', 'NoValLoop'),
            ["val_cfg.type='NoValLoop'"],
        ),
        'scheduler of unknown type': (
            set_value('param_scheduler', [dict(type='NoLR')]),
            ["param_scheduler[0].type='NoLR'"],
        ),
        'metric of unknown type': (
            set_value('val_evaluator.type', 'NoMetric'),
            ['val_evaluator', 'NoMetric'],
        ),
        'checkpoint to resume from is missing': (
            set_value('resume', 'no/such.pth'),
            ["resume='no/such.pth'"],
        ),
        'data sets are no list': (
            set_value(DATASETS, 5),
            [f'{DATASETS}=5', 'list'],
        ),
    },
    missing_parts={
        'training loop without a type': (
            lambda cfg: cfg.train_cfg.pop('type'),
            ['train_cfg has no type'],
        ),
        'half of a validation': (
            lambda cfg: cfg.pop('val_evaluator'),
            ['there is no val_evaluator', 'val_cfg', 'None'],
        ),
    },
    lists={
        'labeled list is missing': (
            set_value(f'{DATASETS}.0.ann_file', 'no.txt'),
            ['no.txt', 'datasets[0].ann_file', 'make_splits.py'],
        ),
        'unlabeled list is missing': (
            set_value(f'{DATASETS}.1.ann_file', 'no.txt'),
            ['no.txt', 'datasets[1].ann_file', 'make_splits.py'],
        ),
    },
    empty_lists={
        'labeled list is empty': (
            listed(0, ''),
            ['list_0.txt', 'datasets[0]', 'ann_file'],
        ),
        'unlabeled list is empty': (
            listed(1, ''),
            ['list_1.txt', 'ann_file'],
        ),
    },
    lists_with_wrong_names={
        'labeled list names an image that does not exist': (
            listed(0, 'im_0\nim_99\n'),
            ['datasets[0]', 'im_99.png', 'list_0.txt', 'check_dataset.py'],
        ),
        'unlabeled list names an image that does not exist': (
            listed(1, 'im_0\nim_99\n'),
            ['im_99', 'list_1.txt'],
        ),
    },
    other_lists={
        'labeled list starts with a byte order mark': (
            listed(0, b'\xef\xbb\xbfim_0\nim_1\n'),
            ['list_0.txt', 'datasets[0].ann_file', 'without BOM'],
        ),
        'list is no UTF-8 text': (
            listed(1, 'im_0\nM\u00fcnchen\n'.encode('latin-1')),
            ['list_1.txt', 'line 2', '0xfc', 'UTF-8'],
        ),
    },
    blank_line={
        'labeled list has a blank line': (
            listed(0, 'im_0\n\nim_1\n'),
            ['list_0.txt', 'datasets[0].ann_file', 'line 2'],
        ),
        'folder of masks for unlabeled images': (
            set_value(f'{DATASETS}.1.data_prefix.seg_map_path', 'masks'),
            ['seg_map_path', 'no masks'],
        ),
    },
    name_twice={
        'list names an image twice': (
            listed(0, 'im_0\nim_1\nim_0\n'),
            ['datasets[0]', 'im_0.png', 'twice', 'list_0.txt'],
        ),
        'padding in the unlabeled pipeline': (
            pad_unlabeled,
            ['datasets[1]', 'Pad', 'data_preprocessor.size'],
        ),
        'more classes in the data than in the head': (
            set_value(f'{HEAD}.num_classes', 2),
            ['3 classes', 'num_classes=2'],
        ),
        'running statistics that nobody updates': (
            set_value('model.teacher_norm_eval', True),
            ['teacher_norm_eval', 'buffers', 'custom_hooks'],
        ),
        'best checkpoint by a metric of no network': (
            set_value('default_hooks.checkpoint.save_best', 'mIoU'),
            ["save_best='mIoU'", 'student/mIoU'],
        ),
        'one unlabeled image in the global batch': (
            set_batch(2),
            ['1 unlabeled image', f'{LOADER}.batch_size=2', '1 process'],
        ),
    },
    folders={
        'unlabeled folder is missing': (
            set_value(f'{DATASETS}.1.data_prefix.img_path', 'gone'),
            ['gone', 'datasets[1]', 'data_prefix'],
        ),
        'labeled folder is missing': (
            set_value(f'{DATASETS}.0.data_prefix.seg_map_path', 'gone'),
            ['gone', 'datasets[0]', 'data_prefix.seg_map_path'],
        ),
    },
    empty_folder={
        'unlabeled folder without an image': (
            empty_folder,
            ['nothing', 'datasets[1]', 'data_prefix', 'img_suffix'],
        ),
    },
    steps={
        'crop size of 0': (
            add_step(1, type='RandomCrop', crop_size=(0, 8)),
            ['datasets[1].pipeline[2]', 'RandomCrop', '(0, 8)'],
        ),
    },
    scale={
        'scale of 0': (
            add_step(0, type='Resize', scale=(0, 0)),
            ['datasets[0].pipeline[3]', 'Resize', 'images/train/im_'],
        ),
    },
    masks={
        'masks in the unlabeled stream': (
            mask_unlabeled,
            ['datasets[1]', 'masks', 'LoadAnnotations'],
        ),
    },
    no_masks={
        'no masks in the labeled stream': (
            unmask_labeled,
            ['datasets[0]', 'mask', 'LoadAnnotations'],
        ),
    },
    edges={
        'no edges in the labeled stream of a PIDNet': (
            no_edges,
            ['datasets[0]', 'gt_edge_map', 'GenerateEdge', 'PackSegInputs'],
        ),
    },
    hidden_masks={
        'hidden masks for some unlabeled data sets only': (
            hide_some_masks,
            [
                'datasets[1].datasets[0]',
                'datasets[1].datasets[1]',
                'for none',
            ],
        ),
    },
    numbers={
        'labeled data sets that number masks differently, and hidden masks': (
            number_masks_differently,
            ['datasets[0].datasets[1]', 'ignore_index', 'label_map='],
        ),
    },
    no_classes={
        'labeled data set without classes': (
            no_classes,
            ['datasets[0]', 'metainfo'],
        ),
    },
    no_unlabeled={
        'no unlabeled stream': (
            one_source,
            ['no unlabeled source', 'UnlabeledDataset', DATASETS],
        ),
    },
    no_learner={
        'unlabeled stream, but a model that learns from masks': (
            plain_segmentor,
            ['2 sources', 'EncoderDecoder', 'MeanTeacherSegmentor'],
        ),
        'MeanTeacherHook without a teacher': (
            lambda cfg: None,
            ['MeanTeacherHook needs', 'MeanTeacherSegmentor'],
        ),
        'validation of a teacher that is not there': (
            lambda cfg: None,
            ['TeacherStudentValLoop', 'MeanTeacherSegmentor'],
        ),
    },
    no_hook={
        'no MeanTeacherHook for a teacher': (
            no_hooks,
            ['no MeanTeacherHook', 'custom_hooks'],
        ),
        'sampler and loader have different batch sizes': (
            set_value(f'{LOADER}.batch_size', 8),
            [f'{LOADER}.batch_size=8', 'sampler.batch_size=4'],
        ),
    },
    ratio={
        'ratio has too few entries': (
            set_value(f'{SAMPLER}.source_ratio', [1]),
            ['source_ratio=[1]', '2 datasets'],
        ),
    },
    low_ratio={
        'ratio has an entry below 1': (
            set_value(f'{SAMPLER}.source_ratio', [4, 0]),
            ['source_ratio=[4, 0]'],
        ),
    },
    batch={
        'batch size is no multiple of the ratio': (
            set_batch(3),
            ['batch_size=3', 'source_ratio=[1, 1]'],
        ),
    },
    pasting={
        'labels are pasted on images of other classes': (
            other_classes,
            ['val_dataloader.dataset', *NAMES],
        ),
    },
    mixes={
        'mix after one that pastes labeled images': (
            second_mix,
            ['model.batch_transforms', 'last', 'labeled, unlabeled'],
        ),
    },
)
for _name, _change, _words in (
    (
        'threshold outside [0, 1]',
        set_value(f'{LOSS}.threshold', 1.5),
        [f'{LOSS}.threshold=1.5', '[0, 1]'],
    ),
    (
        'threshold is no number',
        set_value(f'{LOSS}.threshold', 'high'),
        [f"{LOSS}.threshold='high'"],
    ),
    (
        'ramp-up of 0 iterations',
        set_value(f'{LOSS}.ramp_up_iters', 0),
        [f'{LOSS}.ramp_up_iters=0'],
    ),
    (
        'negative loss weight',
        set_value(f'{LOSS}.loss_weight', -1),
        [f'{LOSS}.loss_weight=-1'],
    ),
    (
        'unknown treatment of buffers',
        set_value(f'{HOOK}.buffers', 'mean'),
        ["buffers='mean'"],
    ),
    (
        'unknown network to predict on',
        set_value('model.predict_on', 'both'),
        ["model.predict_on='both'", 'student', 'teacher'],
    ),
    (
        'head that predicts masks',
        set_value(HEAD, dict(_delete_=True, type='MaskHead')),
        ['decode_head MaskHead', 'masks', 'docs/other_models.md'],
    ),
    (
        'batch transforms are no list',
        no_transform_list,
        ['model.batch_transforms', 'list'],
    ),
    (
        'pretrained weights at the wrong place',
        set_value('model.pretrained', 'weights.pth'),
        ['model.segmentor.pretrained', 'weights.pth'],
    ),
):
    GROUPS[_name] = {_name: (_change, _words)}
ALL = {k: v for group in GROUPS.values() for k, v in group.items()}
rows(ALL)


@pytest.mark.parametrize('group', GROUPS)
def test_each_problem_names_value_and_place(group, tmp_path, own_data):
    cases = GROUPS[group]
    assert all(ROWS[case].found == 'start' for case in cases)
    changes = [change for change, _ in cases.values()]
    problems = problems_of(tmp_path / 'run', *changes)
    for case, (_, words) in cases.items():
        assert len(with_words(problems, words)) == 1, (case, problems)


def five_faults(tmp_path):
    """A config with faults of five kinds, and words of each."""
    path = tmp_path / 'five.py'
    path.write_text(
        f"_base_ = '{CLASSMIX}'\n"
        "_base_.labeled.ann_file = 'no.txt'\n"
        '_base_.model.segmentor.decode_head.num_classes = 2\n'
        'optim_wrapper = dict(optimizer=dict(lr=-0.1))\n'
        'train_dataloader = dict(\n'
        '    batch_size=8,\n'
        '    dataset=dict(datasets=[_base_.labeled, _base_.unlabeled]))\n'
        'custom_hooks = []\n'
    )
    return path, [
        'optim_wrapper.optimizer.lr=-0.1',
        'no.txt',
        'num_classes=2',
        'sampler.batch_size=4',
        'MeanTeacherHook',
    ]


def test_check_says_all_at_once(tmp_path, tiny_data):
    path, words = five_faults(tmp_path)
    done = call_tool('train.py', path, '--check', '--work-dir', tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert '5 problems before the first iteration' in lines
    numbered = [line for line in lines if re.match(r'[1-9]\. ', line)]
    assert len(numbered) == 5
    for word in words:
        assert sum(word in line for line in numbered) == 1, word
    done = call_tool('train.py', CLASSMIX, '--check', '--work-dir', tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, 'No problem found.')


def test_a_start_that_fails_says_all_at_once(tmp_path, tiny_data):
    path, words = five_faults(tmp_path)
    done = run_python('train.py', path, cwd=tmp_path)
    assert done.returncode == 1
    assert '5 problems before the first iteration' in done.stdout
    end = done.stdout[done.stdout.rindex('5 problems') :]
    assert [word for word in words if word not in end] == []


@HOOKS.register_module()
class SilentHook(Hook):
    """Stops a start without a word."""

    def before_run(self, runner):
        raise RuntimeError


def test_an_error_without_text_is_listed(tmp_path, tiny_data):
    cfg = quick_config(tmp_path)
    cfg.custom_hooks = [dict(type='SilentHook')]
    with pytest.raises(PreflightError) as error:
        import_tool('train.py').train(cfg)
    first, second = texts(error.value.problems)
    assert 'RuntimeError' in first and 'MeanTeacherHook' in second


def test_a_check_that_fails_hides_no_error(tmp_path, monkeypatch):
    def fail(cfg):
        raise TypeError('nobody has thought of it')

    tool = import_tool('train.py')
    monkeypatch.setattr(from_config, 'check_config', fail)
    cfg = quick_config(tmp_path)
    cfg.train_cfg.type = 'NoLoop'
    with pytest.raises(KeyError, match='NoLoop'):
        tool.train(cfg)


def change_in_vain(cfg):
    """What no constructor refuses."""
    cfg.custom_hooks = [dict(type='NoIteration')]
    cfg.train_cfg.val_interval = 0
    cfg.model.segmentor.decode_head.num_classes = 2
    listed(0, 'im_0\nim_99\n')(cfg)
    pad_unlabeled(cfg)


def test_the_hook_says_all_at_once(tmp_path, own_data):
    cfg = quick_config(tmp_path)
    change_in_vain(cfg)
    runner = build_runner(cfg)
    with pytest.raises(PreflightError) as error:
        runner.train()
    found = texts(error.value.problems)
    assert len(found) == 5 and '5 problems' in str(error.value)
    for words in ('MeanTeacherHook', 'val_interval', 'num_classes=2', 'im_99'):
        assert len(with_words(found, [words])) == 1, words
    assert not list(tmp_path.glob('*.pth'))


def test_supervised_trainings_are_checked_too(tmp_path, own_data):
    cfg = quick_config(tmp_path, SUPERVISED)
    cfg.model.decode_head.num_classes = 2
    cfg.custom_hooks = [dict(type='NoIteration')]
    unmask_labeled(cfg)
    with pytest.raises(PreflightError) as error:
        build_runner(cfg).train()
    found = texts(error.value.problems)
    assert len(found) == 2
    assert with_words(found, ['3 classes', 'model.decode_head'])
    assert with_words(found, ['no mask', 'LoadAnnotations'])


def test_the_number_of_processes_counts(tmp_path, tiny_data, monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert problems_of(tmp_path, set_batch(2), no_size) != []
    assert problems_of(tmp_path, set_batch(2)) == []


def test_weights_are_needed_without_a_checkpoint(tmp_path, tiny_data):
    weights = dict(type='Pretrained', checkpoint='no/such.pth')

    def change(cfg):
        cfg.model.segmentor.backbone.init_cfg = weights
        cfg.resume = True

    (problem,) = problems_of(tmp_path, change)
    assert 'no/such.pth' in problem
    (tmp_path / 'iter_2.pth').touch()
    assert problems_of(tmp_path, change) == []


@pytest.mark.parametrize('key', ['train_dataloader', 'custom_hooks', 'model'])
def test_what_is_no_config_at_all(key, tmp_path, tiny_data):
    problems = problems_of(tmp_path, lambda cfg: cfg.update({key: 5}))
    assert with_words(problems, [key.removeprefix('custom_')])


@row('mixed precision in a config without a GPU')
def test_mixed_precision_needs_a_gpu(tmp_path):
    if torch.cuda.is_available():
        pytest.skip('this machine has the GPU')
    change = set_value('optim_wrapper.type', 'AmpOptimWrapper')
    (problem,) = problems_of(tmp_path, change)
    assert "optim_wrapper.type='AmpOptimWrapper'" in problem


def test_a_wrong_type_is_as_bad_as_a_wrong_value(tmp_path, tiny_data):
    for key, value in (
        ('train_cfg.max_iters', 2.5),
        ('train_cfg.max_iters', '4'),
        ('val_dataloader.num_workers', True),
        ('data_preprocessor.size', 32),
    ):
        assert with_words(problems_of(tmp_path, set_value(key, value)), [key])


def test_a_start_that_is_not_needed_may_be_missing(finished, tmp_path):
    shutil.copy(finished / 'iter_3.pth', tmp_path)
    missing = {'load_from': 'no/such.pth'}
    cfg = quick_config(tmp_path, resume=True, **missing)
    assert check_config(cfg) == []
    assert train(tmp_path, resume=True, **missing).iter == 4
    with pytest.raises(PreflightError, match='no/such.pth'):
        train(tmp_path / 'new', resume=True, **missing)


@row('pretrained weights that cannot be fetched')
def test_weights_of_an_address_that_is_dead(tmp_path):
    # Nothing listens there.
    address = 'http://127.0.0.1:9/weights.pth'
    cfg = quick_config(tmp_path)
    cfg.model.segmentor.backbone.init_cfg = dict(
        type='Pretrained', checkpoint=address
    )
    with pytest.raises(OSError) as error:
        build_runner(cfg).train()
    for word in (address, 'backbone.init_cfg=None', 'checkpoints'):
        assert word in str(error.value)


def test_in_one_domain_names_may_be_spelled_in_two_ways(tmp_path):
    def other_names(cfg):
        cfg.val_dataloader.dataset.metainfo = OTHER

    assert problems_of(tmp_path, other_names) == []


@row('`SampleMix` outside `MultiImageMixDataset`')
def test_samples_that_have_no_partner(tmp_path):
    def mix(cfg):
        step = dict(type='SampleMix', mix=dict(type='ClassMix'))
        source(cfg, 0).pipeline.insert(2, step)

    (problem,) = problems_of(tmp_path, mix, config=SUPERVISED)
    for word in ('datasets[0].pipeline[2]', 'MultiImageMixDataset', 'im_'):
        assert word in problem
