"""Continue a training exactly where its newest checkpoint left it."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import broadcast_object_list
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner

from mmseg_classmix.checkpoints import find_problem, newest_checkpoint
from mmseg_classmix.checkpoints.compare import compare
from mmseg_classmix.distributed.model_wrapper import unwrap
from mmseg_classmix.engine.hooks.safe_checkpoint_hook import (
    checkpoint_hook,
    checkpoint_place,
    is_saved,
    save,
)
from mmseg_classmix.engine.optimizers import accumulative_counts
from mmseg_classmix.engine.skipping_iterator import start_data_at

VALIDATED = 'last_validation'


@HOOKS.register_module()
class ResumeHook(Hook):
    """Choose the checkpoint, skip the data it has seen, miss no validation.

    With ``resume=True`` in the config (``--resume``), training continues from
    the checkpoint of the highest iteration in the work directory that is
    whole and of this network; newer others are named in a warning. Without
    any checkpoint it starts new. All ranks take the choice of rank 0.
    ``resume='FILE'`` takes that file. Results of a validation are saved again
    with the checkpoint of their iteration. Beyond mmengine's own resume, the
    batches before the checkpoint are not loaded again (mmengine 0.10.7 does),
    weights are not initialized first, so that no pretrained file is needed,
    and a validation that was cut off is made up for.

    mmengine pickles the history of losses as objects with methods, which
    ``torch.load(weights_only=True)`` refuses: mmengine 0.10.7 cannot resume
    its own checkpoints with torch 2.6 and later. With this hook the log is
    saved as tensors, whichever hook saves, and restored on resume.

    Raises:
        ValueError: If there are checkpoints and none can be resumed, or not
            the file that ``resume`` names.
    """

    # Before CheckpointHook saves the results of a validation.
    priority = 'LOW'

    def before_run(self, runner: Runner) -> None:
        """Choose the checkpoint before mmengine does."""
        # Only a training has built its loop.
        if not isinstance(runner._train_loop, IterBasedTrainLoop):
            return
        self._seed = runner.seed
        folder, template = checkpoint_place(runner)
        if not runner._resume or '://' in folder:
            return
        path, error = _choose(runner, Path(folder), template)
        if error:
            raise ValueError(error)
        runner._resume = path is not None
        if path is not None:
            runner._load_from = path
            model = unwrap(runner.model)
            if hasattr(model, 'init_weights'):
                # The checkpoint has every tensor.
                model.init_weights = lambda: None

    def before_train_epoch(self, runner: Runner) -> None:
        """Skip the data of earlier iterations; validate if that is due."""
        # The method of the class, which before_run has covered, is back.
        unwrap(runner.model).__dict__.pop('init_weights', None)
        loop = runner.train_loop
        if not isinstance(loop, IterBasedTrainLoop) or not loop.iter:
            return
        sampler = loop.dataloader.sampler
        # The seed of the checkpoint counts, also if the config has none.
        if getattr(sampler, 'seed', None) == self._seed:
            sampler.seed = runner.seed
        start_data_at(loop, loop.iter)
        hook = checkpoint_hook(runner)
        if hook is not None:
            hook.last_ckpt = runner._load_from
        if _validation_is_due(runner):
            runner.logger.info(
                f'The validation of iteration {loop.iter} is not in the '
                'checkpoint: it comes first'
            )
            runner.val_loop.run()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turn histories into tensors and numpy scalars into numbers."""
        hub = checkpoint.get('message_hub')
        if hub:
            checkpoint['message_hub'] = {k: _plain(v) for k, v in hub.items()}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turn tensors into histories."""
        hub = checkpoint.get('message_hub')
        if hub:
            scalars = hub['log_scalars']
            hub['log_scalars'] = {k: _history(v) for k, v in scalars.items()}

    def before_val(self, runner: Runner) -> None:
        """Remember the best checkpoint so far."""
        self._best = _best(runner)

    def after_val_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Note in the log of the run which iteration is validated."""
        if isinstance(runner._train_loop, IterBasedTrainLoop):
            runner.message_hub.update_info(VALIDATED, runner.iter)

    def after_val(self, runner: Runner) -> None:
        """Save the results with the iteration that they belong to."""
        if not isinstance(runner._train_loop, IterBasedTrainLoop):
            return
        # CheckpointHook itself does that when there is a new best one.
        if is_saved(runner, runner.iter) and _best(runner) == self._best:
            save(runner, runner.iter)


def _choose(
    runner: Runner, folder: Path, template: str
) -> tuple[str | None, str]:
    """Let rank 0 choose; returns the file or None, and an error or ''."""
    choice = [None, '']
    if runner.rank == 0:
        if isinstance(runner._resume, (str, Path)):
            choice = _named(runner)
        else:
            choice = _newest(runner, folder, template)
    broadcast_object_list(choice)
    return choice[0], choice[1]


def _named(runner: Runner) -> list[str | None]:
    path = Path(runner._resume)
    problem = find_problem(path, partial(_misfit, runner))
    if problem:
        return [
            None,
            f'cannot resume: {path} {problem}. Set resume to another file, '
            'or to True for the newest one of the work directory',
        ]
    return [str(path), '']


def _newest(runner: Runner, folder: Path, template: str) -> list[str | None]:
    check = partial(_misfit, runner)
    path, refused = newest_checkpoint(folder, template, check)
    for sentence in refused:
        runner.logger.warning(f'Not resumed: {sentence}')
    start = runner._load_from
    if path is None:
        # Starting new would overwrite them.
        if refused:
            return [
                None,
                f'cannot resume any of the {len(refused)} checkpoints in '
                f'{folder}: {"; ".join(refused[:3])}. Use the config and the '
                'work_dir of that run; or delete these files, or choose '
                'another work_dir, to start new',
            ]
        weights = f' with the weights of load_from={start}' if start else ''
        runner.logger.warning(
            f'Nothing to resume in {folder}: training starts new{weights}'
        )
        return [None, '']
    if start:
        runner.logger.warning(
            f'load_from={start} is for a start only: the run continues from '
            f"{path}. To continue from a certain file, set resume='FILE'"
        )
    runner.logger.info(f'Resuming from {path}')
    return [str(path), '']


def _misfit(runner: Runner, content: dict) -> str:
    """Say why a checkpoint is not one of this run; '' if it is.

    It is the end of a sentence that starts with the file.
    """
    iteration = content['meta']['iter']
    counts = accumulative_counts(runner)
    done = runner.train_loop.max_iters
    if iteration % counts and iteration != done:
        return (
            'is from the middle of a gradient accumulation '
            f'(optim_wrapper.accumulative_counts={counts})'
        )
    wrong = compare(content['state_dict'], unwrap(runner.model), exact=True)
    if wrong:
        return f'holds another network: {wrong}'
    return _other_optimizer(runner, content)


def _other_optimizer(runner: Runner, content: dict) -> str:
    optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
    groups = content['optimizer'].get('param_groups')
    if optimizer is None or not isinstance(groups, list):
        return ''
    sizes = [len(group['params']) for group in groups]
    needed = [len(group['params']) for group in optimizer.param_groups]
    # Switches come and go with the versions of torch: numbers stay.
    names = {
        name
        for name, value in optimizer.defaults.items()
        if not isinstance(value, (bool, type(None)))
    }
    missing = sorted(names - set(groups[0])) if groups else []
    if sizes == needed and not missing:
        return ''
    what = f'no {missing[0]}' if missing else f'{len(sizes)} groups'
    return (
        f'is of another optimizer than {type(optimizer).__name__} with '
        f'{len(needed)} groups of parameters: it has {what}'
    )


def _validation_is_due(runner: Runner) -> bool:
    loop = runner.train_loop
    if runner.val_loop is None or loop.iter < loop.val_begin:
        return False
    if runner.message_hub.get_info(VALIDATED) == loop.iter:
        return False
    loop._decide_current_val_interval()
    return loop.iter % loop.val_interval == 0 or loop.iter == loop.max_iters


def _best(runner: Runner) -> dict[str, str]:
    info = runner.message_hub.runtime_info
    return {k: v for k, v in info.items() if k.startswith('best_ckpt')}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, HistoryBuffer):
        log, count = (torch.from_numpy(np.asarray(x)) for x in value.data)
        return dict(log=log, count=count, max_length=value.max_length)
    return value.item() if isinstance(value, np.generic) else value


def _history(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    log, count = (value[key].cpu().numpy() for key in ('log', 'count'))
    return HistoryBuffer(log, count, value['max_length'])
