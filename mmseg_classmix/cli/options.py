"""What tools/train.py and tools/test.py share: options, mixed precision."""

import argparse
import os
import os.path as osp

import torch
from mmengine.config import Config, DictAction

from mmseg_classmix.checkpoints import trust_checkpoint
from mmseg_classmix.cli.yapf_cache import import_yapf


def common_parser(description: str) -> argparse.ArgumentParser:
    """Start a command line with the options that MMSegmentation's tools have.

    These are CONFIG, ``--work-dir``, ``--cfg-options``, ``--launcher``,
    ``--trust`` and ``--local-rank``. ``description`` is for ``--help``.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help='where logs and results go, work_dirs/CONFIG by default',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes',
    )
    add_config_options(parser)
    # Launchers of torch before 2.0 write it with an underscore.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    return parser


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options`` and ``--trust``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override values of the config, KEY=VALUE ...; lists as '
        'KEY="[a,b]" or KEY=a,b',
    )
    parser.add_argument(
        '--trust',
        action='append',
        default=[],
        metavar='FILE',
        help='checkpoint (load_from, init_cfg, ...) that may execute code '
        'when it is loaded; may be repeated',
    )


def export_local_rank(args: argparse.Namespace) -> None:
    """Set ``LOCAL_RANK``, which mmengine reads, unless a launcher has."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))


def load_config(args: argparse.Namespace) -> Config:
    """Load the config and apply the common options to it.

    Args:
        args: What :func:`common_parser` has read.

    Returns:
        The config; ``work_dir`` is that of the command line, or else of the
        config, or else work_dirs/CONFIG.

    Raises:
        FileNotFoundError: If the config does not exist.
        RuntimeError: If the cache of yapf is broken.
    """
    import_yapf()
    for filename in args.trust:
        trust_checkpoint(filename)
    if not osp.isfile(args.config):
        raise FileNotFoundError(
            f'no config {args.config} in {os.getcwd()}: name one of configs/'
        )
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    name = osp.splitext(osp.basename(args.config))[0]
    default = cfg.get('work_dir') or osp.join('work_dirs', name)
    cfg.work_dir = args.work_dir or default
    return cfg


def has_bfloat16() -> bool:
    """Whether the GPU of this process computes bfloat16 in hardware."""
    # torch.cuda.is_bf16_supported also counts emulation, in some releases.
    major, _ = torch.cuda.get_device_capability()
    return torch.version.hip is not None or major >= 8


def mixed_precision(optim_wrapper: dict, bfloat16: bool) -> dict:
    """Copy the config of an ``OptimWrapper`` as one of mixed precision.

    bfloat16 has the range of float32 and needs no scaling of the loss;
    gradients in float16 are kept above zero by a dynamic scale. What the
    wrapper says itself (``dtype``, ``loss_scale``) stays.

    Args:
        optim_wrapper: Not changed.
        bfloat16: Whether the hardware has it, see :func:`has_bfloat16`.
    """
    usual = 'bfloat16' if bfloat16 else 'float16'
    dtype = optim_wrapper.get('dtype') or usual
    unscaled = dtype in ('bfloat16', torch.bfloat16)
    scale = dict(enabled=False) if unscaled else 'dynamic'
    amp = {'loss_scale': scale, **optim_wrapper}
    return dict(amp, type='AmpOptimWrapper', dtype=dtype)
