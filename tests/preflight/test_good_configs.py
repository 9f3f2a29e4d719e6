"""What a user may well write is no problem, whatever name it has."""

from pathlib import Path

import numpy as np
import pytest
from bad_config import problems_of, quick_config, set_value, with_words
from mmcv.transforms import BaseTransform
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, LOOPS
from mmseg.registry import TRANSFORMS
from support import SUPERVISED

from mmseg_classmix.engine.loops import TeacherStudentValLoop
from mmseg_classmix.engine.runner import build_runner


@HOOKS.register_module()
class OwnTeacherHook(Hook):
    """Moves the teacher in its own way."""

    moves_teacher = True

    def after_train_iter(self, runner, *_, **__):
        runner.own_moves = getattr(runner, 'own_moves', 0) + 1


@LOOPS.register_module()
class OwnValLoop(TeacherStudentValLoop):
    """A subclass counts as its parent."""


@TRANSFORMS.register_module()
class LoadArray(BaseTransform):
    """Reads what no decoder knows."""

    def transform(self, results):
        results['img'] = np.load(results['img_path'])
        results['img_shape'] = results['img'].shape[:2]
        return results


def test_hooks_may_have_a_priority(tmp_path, tiny_data):
    def change(cfg):
        cfg.custom_hooks[0].priority = 'NORMAL'
        cfg.default_hooks.resume = dict(priority='LOWEST')

    assert problems_of(tmp_path, change) == []


def test_hooks_beside_a_refused_one_are_checked(tmp_path, tiny_data):
    def change(cfg):
        cfg.custom_hooks[0].momentum = 2
        cfg.default_hooks.checkpoint.save_best = 'mIoU'

    problems = problems_of(tmp_path, change)
    assert len(problems) == 2
    assert with_words(problems, ['momentum=2'])
    assert with_words(problems, ["save_best='mIoU'"])


def test_a_hook_of_the_user_moves_the_teacher(tmp_path, tiny_data):
    change = set_value('custom_hooks', [dict(type='OwnTeacherHook')])
    assert problems_of(tmp_path, change) == []
    cfg = quick_config(tmp_path, **{'train_cfg.max_iters': 1})
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    change(cfg)
    runner = build_runner(cfg)
    runner.train()
    assert runner.own_moves == 1 and runner.model.teacher_updates


def test_files_of_a_loader_of_the_user_are_its_own(tmp_path, own_data):
    folder = Path(own_data, 'images', 'val')
    for path in folder.glob('*.png'):
        np.save(path.with_suffix('.npy'), np.zeros((32, 40, 3), np.uint8))

    def change(cfg):
        data = cfg.val_dataloader.dataset
        data.img_suffix = '.npy'
        data.pipeline[0] = dict(type='LoadArray')

    assert problems_of(tmp_path, change) == []
    next(folder.glob('*.npy')).write_bytes(b'')
    (problem,) = problems_of(tmp_path, change)
    assert 'is empty (0 bytes)' in problem


@pytest.mark.parametrize(
    'kind', ['mmseg.TeacherStudentValLoop', TeacherStudentValLoop, OwnValLoop]
)
def test_a_loop_is_known_by_any_name(kind, tmp_path, tiny_data):
    def change(cfg):
        cfg.val_cfg = dict(type=kind)
        cfg.default_hooks.checkpoint.save_best = 'mIoU'

    (problem,) = problems_of(tmp_path, change)
    assert "save_best='mIoU'" in problem
    (problem,) = problems_of(tmp_path, change, config=SUPERVISED)
    assert 'TeacherStudentValLoop' in problem


def test_test_data_is_not_needed_to_train(tmp_path, tiny_data):
    change = set_value('test_dataloader.dataset.data_root', '/nowhere')
    assert problems_of(tmp_path, change) == []


def test_the_model_itself_has_weights_that_are_missing(tmp_path, tiny_data):
    weights = dict(type='Pretrained', checkpoint='no/such.pth')
    change = set_value('model.init_cfg', weights)
    (problem,) = problems_of(tmp_path, change)
    assert ' model.init_cfg ' in problem
