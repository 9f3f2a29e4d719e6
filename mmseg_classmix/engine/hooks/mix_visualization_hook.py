"""Pictures of mixes, pseudo-labels and predictions while training."""

import os.path as osp

import numpy as np
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend, MLflowVisBackend
from mmengine.visualization.vis_backend import BaseVisBackend
from torch import nn

from mmseg_classmix.distributed.model_wrapper import unwrap
from mmseg_classmix.mixing.batch_mix import BatchMix


@HOOKS.register_module()
class MixVisualizationHook(Hook):
    """Show what the student is trained on, in one sheet.

    One row an unlabeled image: the image, its partner, the mask, the mixed
    image as the student saw it, its pseudo-label with the confidence, the
    prediction of the student, and the hidden mask if there is one
    (``UnlabeledDataset.eval_pseudo_labels``). What does not exist, such as
    the mask without a mix, is left out.

    The sheet shows the tensors of the iteration itself: nothing is computed
    twice, no random number is drawn, and training gives the same bits with
    the hook and without. Only rank 0 looks, at its own images. A sheet goes
    to each of ``visualizer.vis_backends``; an error there, or in drawing, is
    a warning in the log: the training goes on. A model without an
    unsupervised loss has no sheets.

    Args:
        interval: A sheet every so many iterations.
        max_images: Largest number of rows.
        cell: Longer side of a picture on the sheet, in pixels.

    Raises:
        ValueError: If an argument is no positive integer.
    """

    # Last: the checkpoint of the iteration is written before the sheet.
    priority = 'VERY_LOW'

    def __init__(
        self, interval: int = 500, max_images: int = 4, cell: int = 256
    ) -> None:
        for name, value in dict(
            interval=interval, max_images=max_images, cell=cell
        ).items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f'MixVisualizationHook {name}={value!r} '
                    '(default_hooks.mix_visualization) must be a positive '
                    'integer; default_hooks.mix_visualization=None switches '
                    'the hook off'
                )
        self.interval = interval
        self.max_images = max_images
        self.cell = cell
        self._handle = None
        self._seen: dict | Exception | None = None

    def before_train_iter(self, runner: Runner, *_, **__) -> None:
        """Watch the unsupervised loss of this iteration, if it is shown."""
        loss = getattr(unwrap(runner.model), 'unsup_loss', None)
        if (
            runner.rank == 0
            and isinstance(loss, nn.Module)
            and self.every_n_train_iters(runner, self.interval)
        ):
            self._handle = loss.register_forward_hook(self._look)

    def _look(self, loss: nn.Module, args: tuple, output: dict) -> None:
        """Copy what the loss is computed of."""
        # Half a second that only a run with pictures has to wait.
        from mmseg_classmix.visualization.training_step import take_snapshot

        try:
            self._seen = take_snapshot(*args, self.max_images, self.cell)
        except Exception as error:
            self._seen = error

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Draw and hand over the sheet."""
        if self._handle is None:
            return
        self._handle.remove()
        seen, self._handle, self._seen = self._seen, None, None
        try:
            if isinstance(seen, Exception):
                raise seen
            sheet = self._draw(runner, seen, data_batch)
        except Exception as error:
            _warn(runner, 'could not be drawn', error)
            return
        step = runner.iter + 1
        for name, backend in runner.visualizer._vis_backends.items():
            try:
                _give(backend, sheet, step)
            except Exception as error:
                _warn(runner, f'could not be given to {name}', error)

    def _draw(
        self, runner: Runner, seen: dict, data_batch: dict
    ) -> np.ndarray:
        from mmseg_classmix.visualization.image_grid import draw_image_grid
        from mmseg_classmix.visualization.training_step import step_columns

        model = unwrap(runner.model)
        metainfo = runner.train_dataloader.dataset.metainfo
        classes, palette = metainfo['classes'], metainfo['palette']
        weighting = getattr(model.unsup_loss, 'unsup_weight', None)
        threshold = getattr(weighting, 'threshold', None)
        transforms = model.batch_transforms.transforms
        partners = _partners(transforms, runner.world_size)
        columns = step_columns(seen, data_batch, palette, threshold, partners)
        how = ' + '.join(type(t).__name__ for t in transforms) or 'no mix'
        heading = f'iteration {runner.iter + 1}: {how}'
        return draw_image_grid(columns, heading, classes, palette, self.cell)


def _partners(transforms: list, world_size: int) -> str | None:
    """Say where partners are, see ``step_columns``."""
    mixes = [t for t in transforms if isinstance(t, BatchMix)]
    sources = [getattr(mix, 'source', 'unlabeled') for mix in mixes]
    if sources == ['labeled']:
        return 'labeled'
    # Of several mixes only the last mask is known.
    if sources != ['unlabeled']:
        return None
    return 'ring' if world_size == 1 else 'line'


def _give(backend: BaseVisBackend, sheet: np.ndarray, step: int) -> None:
    # MLflow writes a file of this name, the others add the step.
    file = f'mix_{step}.png'
    is_mlflow = isinstance(backend, MLflowVisBackend)
    backend.add_image(file if is_mlflow else 'mix', sheet, step)
    if isinstance(backend, LocalVisBackend):
        path = osp.join(backend._img_save_dir, file)
        # OpenCV says so with a value that the backend does not look at.
        if not osp.isfile(path):
            raise OSError(f'{path} was not written: is the disk full?')


def _warn(runner: Runner, what: str, error: Exception) -> None:
    runner.logger.warning(
        f'The sheet of iteration {runner.iter + 1} {what}: '
        f'{type(error).__name__}: {error}. Training goes on '
        '(default_hooks.mix_visualization)'
    )
