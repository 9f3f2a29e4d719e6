"""The hook that lets no run start with a problem."""

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop, Runner
from torch.utils.data import Dataset

from mmseg_classmix.datasets import MultiSourceDataset, MultiSourceSampler
from mmseg_classmix.datasets.checked_pipeline import check_samples
from mmseg_classmix.distributed.model_wrapper import unwrap
from mmseg_classmix.preflight.checkpoint import compare_checkpoint
from mmseg_classmix.preflight.problem import (
    PreflightError,
    Problem,
    Start,
    find_problems,
)
from mmseg_classmix.preflight.ranks import compare_data, gather


@HOOKS.register_module()
class PreflightHook(Hook):
    """Run every check before the first iteration, and report all problems.

    Over several processes every one reports those of all. Of validation and
    test data, an error on reading a file names it, too.
    """

    # After ResumeHook has chosen the checkpoint.
    priority = 'VERY_LOW'

    def __init__(self) -> None:
        #: Whether the checks have found nothing.
        self.passed = False

    def before_run(self, runner: Runner) -> None:
        """Check what is built.

        Raises:
            PreflightError: With all problems.
        """
        start = _start(runner)
        problems = gather(find_problems(start))
        if not problems and get_world_size() > 1:
            problems = [
                problem
                for part in start.datasets
                for problem in compare_data(*part)
            ]
        _refuse(problems)
        for place, dataset in start.datasets:
            if dataset is not start.train:
                check_samples(place, dataset, look_at_files=False)
        self.passed = True

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare a checkpoint that is loaded some other way.

        Raises:
            PreflightError: If it is of another network.
        """
        _refuse(
            list(
                compare_checkpoint(
                    unwrap(runner.model),
                    checkpoint,
                    f'load_from={runner._load_from!r}',
                )
            )
        )


def _start(runner: Runner) -> Start:
    train = _dataset(runner._train_loop)
    sampler = None
    if isinstance(train, MultiSourceDataset):
        sampler = runner.train_dataloader.sampler
    metainfo = getattr(train, 'metainfo', None) or {}
    return Start(
        cfg=runner.cfg,
        training=train is not None,
        train=train,
        val=_dataset(runner._val_loop),
        test=_dataset(runner._test_loop),
        sampler=sampler if isinstance(sampler, MultiSourceSampler) else None,
        model=unwrap(runner.model),
        classes=metainfo.get('classes'),
        hooks=runner.hooks,
        load_from=runner._load_from,
        resume=bool(runner._resume),
    )


def _dataset(loop: BaseLoop | dict | None) -> Dataset | None:
    """Return the dataset of a loop, if the loop is built."""
    return loop.dataloader.dataset if isinstance(loop, BaseLoop) else None


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise PreflightError(problems)
