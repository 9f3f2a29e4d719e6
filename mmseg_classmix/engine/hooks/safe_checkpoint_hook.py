"""The old checkpoint stays until the new one is written."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from mmseg_classmix.checkpoints import check_writable

LOCAL = ('local', 'atomic_local')


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's hook, but old checkpoints are deleted last.

    mmengine deletes the oldest and the previous best checkpoint before it
    writes the new one: with ``max_keep_ckpts=1``, a kill or a full disk in
    between leaves nothing. Here they are deleted afterwards, so that the disk
    has to hold one checkpoint more. Arguments are those of
    ``CheckpointHook``.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the folder of the checkpoints.

        Raises:
            OSError: If it cannot be written.
            ValueError: If it is an address, but the backend writes files.
        """
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
