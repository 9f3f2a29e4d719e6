"""What an iteration of training waits for its batch."""

import argparse
from pathlib import Path

import numpy as np
from mmengine.config import Config, ConfigDict

from mmseg_classmix.engine.runner import ClassMixRunner

# Iterations in which workers and libraries start.
WARM_UP = 5


def without_weights(part: ConfigDict | list) -> None:
    """Take the weights to start from out of a model config."""
    if isinstance(part, dict):
        init = part.get('init_cfg')
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            part.pop('init_cfg')
        part.pop('pretrained', None)
        part = list(part.values())
    for inner in part:
        if isinstance(inner, dict | list | tuple):
            without_weights(inner)


def prepare_training(
    cfg: Config, work_dir: Path, args: argparse.Namespace
) -> None:
    """Change a config to train only, on one process.

    Args:
        cfg: Config with a segmentor, in a mean teacher or alone.
        work_dir: Where the run writes.
        args: The command line.
    """
    if args.model:
        owner, name = cfg, 'model'
        if 'segmentor' in cfg.model:
            owner, name = cfg.model, 'segmentor'
        model = Config.fromfile(args.model).model
        # The size of a batch is that of the data.
        model.data_preprocessor = owner[name].data_preprocessor
        owner[name] = model
    without_weights(cfg.model)
    loader = cfg.train_dataloader
    loader.batch_size = loader.sampler.batch_size = args.batch_size
    loader.num_workers = args.workers
    loader.persistent_workers = args.workers > 0
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=args.iters)
    for phase in ('val', 'test'):
        for kind in ('dataloader', 'cfg', 'evaluator'):
            cfg[f'{phase}_{kind}'] = None
    cfg.default_hooks.checkpoint = None
    cfg.work_dir, cfg.experiment_name = str(work_dir), work_dir.name
    cfg.load_from, cfg.log_level = None, 'WARNING'


def wait_share(cfg: Config, work_dir: Path, args: argparse.Namespace) -> str:
    """Train and compare the wait for data with the whole iteration.

    Args:
        cfg: Config to train; changed.
        work_dir: Where the run writes.
        args: The command line.

    Returns:
        Mean ``data_time`` and ``time`` after the warm-up, and their quotient.
    """
    prepare_training(cfg, work_dir, args)
    runner = ClassMixRunner.from_cfg(cfg)
    runner.train()
    wait, whole = (
        np.mean(
            runner.message_hub.get_scalar(f'train/{name}').data[0][WARM_UP:]
        )
        for name in ('data_time', 'time')
    )
    return (
        f'data_time {1e3 * wait:.1f} ms of time {1e3 * whole:.1f} ms: '
        f'{100 * wait / whole:.2f} %'
    )
