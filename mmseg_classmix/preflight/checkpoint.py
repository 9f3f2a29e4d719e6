"""Checkpoints that are loaded, and when new ones are saved."""

import os.path as osp
from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import CheckpointHook
from mmengine.runner import CheckpointLoader
from torch import nn

from mmseg_classmix.checkpoints.compare import Misfit, compare
from mmseg_classmix.preflight.problem import Problem, Start, check
from mmseg_classmix.preflight.settings import value_of


@check('load_from')
def the_checkpoint_is_there(start: Start) -> Iterator[Problem]:
    """A local file."""
    if _is_missing(start.load_from):
        key = 'resume' if start.resume else 'load_from'
        yield Problem(
            f'{key}={start.load_from!r}: no such checkpoint',
            key,
            'correct the path; to continue the run of a work directory, use '
            '--resume alone',
        )


@check('load_from', 'model')
def the_checkpoint_fits(start: Start) -> Iterator[Problem]:
    """Mmengine would load what fits, and say so only in the log."""
    path = start.load_from
    # Processes wait for rank 0 to fetch an address: a failure of one alone
    # would hang the others. It is compared when it is loaded.
    if _is_missing(path) or ('://' in path and get_world_size() > 1):
        return
    where = 'the checkpoint to resume from' if start.resume else 'load_from'
    try:
        # Names and shapes; the numbers are read when it is loaded.
        content = CheckpointLoader.load_checkpoint(
            path, map_location='meta', logger='silent'
        )
    except Exception as error:
        yield Problem.of_error(error, where)
        return
    yield from compare_checkpoint(start.model, content, f'{where}={path!r}')


def _is_missing(path: str) -> bool:
    return '://' not in path and not osp.isfile(osp.expanduser(path))


def compare_checkpoint(
    model: nn.Module, content: dict[str, Any], where: str
) -> Iterator[Problem]:
    """Compare a checkpoint with a model.

    Args:
        model: Model without wrappers.
        content: What the file holds.
        where: Its config key and path.
    """
    misfit = compare(content.get('state_dict', content), model)
    if misfit:
        yield Problem(
            f'the checkpoint is of another network than '
            f'{type(model).__name__} of this config: {misfit}',
            where,
            _advice(misfit),
        )


def _advice(misfit: Misfit) -> str:
    found, wrong = misfit.found, misfit.wrong
    head = [key for key in wrong if 'decode_head' in key]
    if any(f'student.{key}' in found for key in wrong):
        return (
            'it is a checkpoint of MeanTeacherSegmentor: use a config of '
            'that, model.predict_on chooses the network'
        )
    if len(head) == len(wrong) and all(key in found for key in wrong):
        return (
            'the number of classes differs: set num_classes of '
            'decode_head and the data set to those of the checkpoint; to '
            'start another data set from its backbone, set backbone.init_cfg'
            "=dict(type='Pretrained', checkpoint=..., "
            "prefix='student.backbone' or 'backbone') in place of load_from"
        )
    return (
        'use the config that it was trained with (it lies in its work '
        'directory), or another checkpoint. Weights for a part of the '
        'network go into init_cfg of that part. default_hooks.preflight=None '
        'leaves the tensors that do not fit at their random start'
    )


@check('training', 'hooks')
def checkpoints_can_be_resumed(start: Start) -> Iterator[Problem]:
    """Gradients are not saved: half an accumulation would be lost."""
    counts = value_of(start.cfg, 'optim_wrapper.accumulative_counts') or 1
    train = start.cfg.get('train_cfg') or {}
    intervals = {}
    for hook in start.hooks:
        if not isinstance(hook, CheckpointHook) or hook.by_epoch:
            continue
        intervals['default_hooks.checkpoint.interval'] = [hook.interval]
        intervals['default_hooks.checkpoint.save_begin'] = [hook.save_begin]
        # A new best checkpoint is saved with one to resume from.
        if hook.save_best and start.cfg.get('val_cfg'):
            intervals['train_cfg.val_interval'] = [
                train.get('val_interval', 1000),
                *(value for _, value in train.get('dynamic_intervals') or ()),
            ]
    for key, values in intervals.items():
        for value in values:
            if value > 0 and value % counts:
                yield Problem(
                    f'{key}={value} is no multiple of optim_wrapper.'
                    f'accumulative_counts={counts}: a checkpoint in the '
                    'middle of an accumulation cannot be resumed exactly',
                    key,
                    f'set it to {counts * (value // counts + 1)}, say',
                )
