"""Checks of the data before the first iteration."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop, Runner
from torch.utils.data import Dataset

from mmseg_classmix.datasets import MultiSourceDataset
from mmseg_classmix.datasets.checked_pipeline import check_samples
from mmseg_classmix.datasets.source_check import (
    check_files,
    warn_of_common_images,
)
from mmseg_classmix.distributed.unwrap import unwrap


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Check validation and test data before anything runs.

    A missing or empty file is found now and not at the first validation, and
    an error on reading a file names it. :class:`MultiSourceDataset` checks
    the data of training. Images that are trained and evaluated on are legal;
    a warning says so.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Check the files of the loops that are built.

        Raises:
            ValueError: If a file is missing or empty, an image occurs twice,
                or there are unlabeled images and nobody to learn from them.
        """
        train = _dataset(runner._train_loop)
        _check_learner(runner, train)
        for name in ('val', 'test'):
            dataset = _dataset(getattr(runner, f'_{name}_loop'))
            if dataset is None:
                continue
            place = f'{name}_dataloader.dataset'
            check_files(place, dataset)
            check_samples(place, dataset)
            if train is not None:
                warn_of_common_images(
                    (place, dataset),
                    [('train_dataloader.dataset', train)],
                    'results on these will be too good. Take them out of '
                    'ann_file of one of the two',
                )


def _dataset(loop: BaseLoop | dict | None) -> Dataset | None:
    """Return the dataset of a loop, if the loop is built."""
    return loop.dataloader.dataset if isinstance(loop, BaseLoop) else None


def _check_learner(runner: Runner, dataset: Dataset | None) -> None:
    if not isinstance(dataset, MultiSourceDataset):
        return
    model = unwrap(runner.model)
    if len(dataset.datasets) > 1 and not hasattr(model, 'teacher'):
        raise ValueError(
            'train_dataloader.dataset.datasets has '
            f'{len(dataset.datasets)} sources, labeled and unlabeled, but '
            f'{type(model).__name__} learns from masks only: set '
            "model.type='MeanTeacherSegmentor', or keep datasets[0] and "
            'train_dataloader.sampler.source_ratio=[1]'
        )
