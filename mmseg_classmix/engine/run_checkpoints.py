"""The checkpoints of mmengine's CheckpointHook, for other hooks."""

import os.path as osp
from pathlib import Path

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

TEMPLATE = 'iter_{}.pth'


def checkpoint_hook(runner: Runner) -> CheckpointHook | None:
    """Find the hook that saves by iteration."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and not hook.by_epoch:
            return hook
    return None


def checkpoint_place(runner: Runner) -> tuple[str, str]:
    """Say where checkpoints are, before and during a training.

    Returns:
        Folder (or address) and template of the names.
    """
    hook = checkpoint_hook(runner)
    if hook is None:
        return runner.work_dir, TEMPLATE
    folder, work_dir = hook.out_dir, runner.work_dir.rstrip(osp.sep)
    if folder is None or folder == runner.work_dir:
        return runner.work_dir, hook.filename_tmpl
    # CheckpointHook.before_train appends the name of the work directory.
    if not hasattr(hook, 'file_backend'):
        folder = osp.join(folder, osp.basename(work_dir))
    return folder, hook.filename_tmpl


def is_saved(runner: Runner, iteration: int) -> bool:
    """Say whether the newest checkpoint of this process has an iteration."""
    hook = checkpoint_hook(runner)
    if hook is None or hook.last_ckpt is None:
        return False
    name = hook.filename_tmpl.format(iteration)
    return Path(hook.last_ckpt).name == name


def save(runner: Runner, iteration: int) -> None:
    """Save a checkpoint now, as CheckpointHook does; call it on all ranks.

    Args:
        runner: Runner in training.
        iteration: Number of finished iterations.
    """
    meta = dict(epoch=runner.epoch, iter=iteration)
    hook = checkpoint_hook(runner)
    if hook is not None:
        hook._save_checkpoint_with_step(runner, iteration, meta)
        return
    runner.save_checkpoint(
        runner.work_dir,
        TEMPLATE.format(iteration),
        meta=meta,
        by_epoch=False,
        backend_args=dict(backend='atomic_local'),
    )
