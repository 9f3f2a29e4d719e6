"""The checkpoints of a run: the hook that saves them, and where they are."""

import os.path as osp
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from mmseg_classmix.checkpoints import check_writable

LOCAL = ('local', 'atomic_local')
TEMPLATE = 'iter_{}.pth'


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's hook, but old checkpoints are deleted last.

    mmengine deletes the oldest and the previous best checkpoint before it
    writes the new one: with ``max_keep_ckpts=1``, a kill or a full disk in
    between leaves nothing. Here they are deleted afterwards, so that the disk
    has to hold one checkpoint more. Arguments are those of
    ``CheckpointHook``.

    Raises:
        OSError: If ``out_dir`` cannot be written.
        ValueError: If it is an address, but the backend writes files.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the folder of the checkpoints."""
        backend = (self.backend_args or {}).get('backend')
        remote = '://' in str(self.out_dir)
        if remote and backend in LOCAL:
            raise ValueError(
                f'default_hooks.checkpoint.out_dir={self.out_dir!r} is an '
                f'address, but backend {backend!r} would make a local folder '
                'of that name: set default_hooks.checkpoint.backend_args to '
                'the backend of this address, or to None, which chooses it '
                'by the prefix'
            )
        super().before_train(runner)
        if (
            self.out_dir != runner.work_dir
            and not remote
            and backend in (None, *LOCAL)
        ):
            check_writable(self.out_dir, 'default_hooks.checkpoint.out_dir')

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        """Save the best checkpoint of a training; nothing without one."""
        if hasattr(self, 'file_backend'):
            super().after_val_epoch(runner, metrics)

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        with self._deleting_last():
            super()._save_checkpoint_with_step(runner, step, meta)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with self._deleting_last():
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _deleting_last(self) -> Iterator[None]:
        backend = self.file_backend
        postponed = _PostponedRemoval(backend)
        self.file_backend = postponed
        try:
            yield
        finally:
            self.file_backend = backend
        best = getattr(self, 'best_ckpt_path_dict', None) or {}
        current = {
            self.last_ckpt,
            getattr(self, 'best_ckpt_path', None),
            *best.values(),
        }
        for remove, path in postponed.removals:
            # A best checkpoint may have replaced one of the same name.
            if path not in current:
                remove(path)


class _PostponedRemoval:
    """A file backend that only takes note of what to remove."""

    def __init__(self, backend: object) -> None:
        self._backend = backend
        self.removals = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.removals.append((self._backend.remove, path))

    def rmtree(self, path: str) -> None:
        self.removals.append((self._backend.rmtree, path))


def checkpoint_hook(runner: Runner) -> CheckpointHook | None:
    """Find the hook that saves by iteration."""
    hooks = (h for h in runner.hooks if isinstance(h, CheckpointHook))
    return next((hook for hook in hooks if not hook.by_epoch), None)


def checkpoint_place(runner: Runner) -> tuple[str, str]:
    """Folder (or address) and template of names, before and in a training."""
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
    """Save a checkpoint now, as CheckpointHook does; call it on all ranks."""
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
