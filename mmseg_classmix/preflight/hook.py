"""What can be resumed exactly, and what cannot."""

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmseg_classmix.checkpoints.compare import compare
from mmseg_classmix.distributed.unwrap import unwrap
from mmseg_classmix.engine.optimizers.steps import accumulative_counts


def check_intervals(runner: Runner) -> None:
    """Refuse checkpoints in the middle of a gradient accumulation.

    Gradients are not in a checkpoint: half an accumulation would be lost.

    Args:
        runner: Runner whose train loop and optimizer are built.

    Raises:
        ValueError: If a checkpoint could be saved there.
    """
    counts = accumulative_counts(runner)
    if counts == 1:
        return
    loop = runner.train_loop
    intervals = {}
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or hook.by_epoch:
            continue
        intervals['default_hooks.checkpoint.interval'] = [hook.interval]
        intervals['default_hooks.checkpoint.save_begin'] = [hook.save_begin]
        # A new best checkpoint is saved with one to resume from.
        if hook.save_best and runner.val_loop is not None:
            intervals['train_cfg.val_interval'] = loop.dynamic_intervals
    for key, values in intervals.items():
        for value in values:
            if value > 0 and value % counts:
                raise ValueError(
                    f'{key}={value} is no multiple of optim_wrapper.'
                    f'accumulative_counts={counts}: a checkpoint in the '
                    'middle of an accumulation cannot be resumed exactly. '
                    f'Set it to {counts * (value // counts + 1)}, say'
                )


def misfit(runner: Runner, content: dict) -> str:
    """Say why a checkpoint is not one of this run.

    Args:
        runner: Runner whose model, loop and optimizer are built.
        content: Checkpoint of a training.

    Returns:
        The end of a sentence that starts with the file; '' if it fits.
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
