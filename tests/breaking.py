"""What tests of broken iterations share: a model that breaks, a witness."""

import math
from pathlib import Path

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmseg.registry import MODELS
from support import tiny_config

from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.models import MeanTeacherSegmentor

EVERY_ITERATION = {
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.checkpoint.max_keep_ckpts': 1,
}


@MODELS.register_module()
class BreakingMeanTeacher(MeanTeacherSegmentor):
    """Breaks in one forward pass, on one rank."""

    broken = 'loss'
    at = 2
    rank = 0
    calls = 0

    def loss(self, inputs, data_samples):
        losses = super().loss(inputs, data_samples)
        if self.calls == self.at and get_rank() == self.rank:
            name = 'unsup.loss_ce'
            if self.broken == 'loss':
                losses[name] = losses[name] * math.nan
            else:
                # 0, but its derivative is infinite times 0.
                losses[name] = losses[name] + (losses[name] * 0).sqrt()
        self.calls += 1
        return losses


@HOOKS.register_module()
class Witness(Hook):
    """Keeps what the test compares: images, weights of both networks."""

    priority = 'VERY_HIGH'

    def __init__(self):
        self.images, self.students, self.teachers = [], [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        samples = data_batch['data_samples']
        self.images.append([Path(s.img_path).name for s in samples])
        for name in ('student', 'teacher'):
            weights = getattr(runner.model, name).parameters()
            kept = getattr(self, f'{name}s')
            kept.append([p.detach().clone() for p in weights])


def started(work_dir, **options):
    """A runner and its witness."""
    options = dict(EVERY_ITERATION, **options)
    cfg = tiny_config(work_dir, **options)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='Witness')]
    runner = ClassMixRunner.from_cfg(cfg)
    return runner, next(h for h in runner.hooks if isinstance(h, Witness))
