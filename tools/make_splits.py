"""Write labeled and unlabeled lists of image names for a data set.

Names are ordered by a hash of (seed, name): the same on every machine, and
with one seed a smaller labeled set is part of every larger one.

    python tools/make_splits.py configs/_base_/datasets/camvid_180x240.py \
        configs/splits/camvid --fractions 1/8 1/4 1/2 --seeds 0 1 2
"""

import argparse
import hashlib
import os.path as osp
from collections import Counter
from fractions import Fraction
from math import floor
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

import mmseg_classmix  # noqa: F401  registers the datasets


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'config',
        help='config with train_dataloader.dataset; of several sources the '
        'first one is split',
    )
    parser.add_argument('out_dir', type=Path, help='folder of the lists')
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument(
        '--fractions',
        nargs='+',
        type=Fraction,
        help='labeled shares, such as 1/8 1/4',
    )
    size.add_argument('--count', type=int, help='number of labeled images')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument(
        '--name',
        help='start of the file names with --count, such as 1-30 for the 100 '
        'images of Cityscapes',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace lists that have other names in them',
    )
    args = parser.parse_args()
    if args.name and args.fractions:
        parser.error('--name goes with --count')
    return args


def image_names(config: str) -> list[str]:
    """List the images of a data set, sorted.

    Args:
        config: Path of a config with ``train_dataloader.dataset``.

    Returns:
        Paths below ``data_prefix.img_path`` without the suffix, as
        ``ann_file`` lists them.

    Raises:
        ValueError: If a name occurs twice: it could end up in both lists.
    """
    cfg = Config.fromfile(config)
    init_default_scope('mmseg')
    dataset_cfg = cfg.train_dataloader.dataset
    while 'dataset' in dataset_cfg or 'datasets' in dataset_cfg:
        inner = dataset_cfg.get('datasets') or [dataset_cfg['dataset']]
        dataset_cfg = inner[0]
    dataset = DATASETS.build(dataset_cfg)
    folder = dataset.data_prefix['img_path']
    suffix = dataset.img_suffix
    names = [
        osp.relpath(dataset.get_data_info(i)['img_path'], folder)
        for i in range(len(dataset))
    ]
    names = [name.removesuffix(suffix) for name in names]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ValueError(
            f'{config}: {len(twice)} names occur more than once, such as '
            f'{twice[0]!r}: labeled and unlabeled images would overlap'
        )
    return sorted(names)


def split_names(
    names: list[str], count: int, seed: int
) -> tuple[list[str], list[str]]:
    """Choose the labeled names.

    Args:
        names: All names, each once.
        count: Number of labeled names.
        seed: Any integer.

    Returns:
        Labeled and unlabeled names, each sorted.

    Raises:
        ValueError: If one of the two would be empty.
    """
    if not 0 < count < len(names):
        raise ValueError(
            f'{count} labeled of {len(names)} images: both lists need at '
            'least one image, change --fractions or --count'
        )
    order = sorted(
        names,
        key=lambda name: hashlib.sha256(f'{seed}:{name}'.encode()).digest(),
    )
    return sorted(order[:count]), sorted(order[count:])


def write_list(path: Path, names: list[str], overwrite: bool) -> None:
    """Write one name a line.

    Raises:
        FileExistsError: If the file has other names and may not be replaced.
    """
    text = '\n'.join(names) + '\n'
    if path.exists() and path.read_text() != text and not overwrite:
        raise FileExistsError(
            f'{path} has other names: give --overwrite to replace it, which '
            'changes the experiments that use it'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main() -> None:
    """Write the lists."""
    args = parse_args()
    names = image_names(args.config)
    if args.fractions:
        # Halves go up: 1488 of 2975, as published for Cityscapes.
        sizes = {
            f'{f.numerator}-{f.denominator}': floor(f * len(names) + 0.5)
            for f in args.fractions
        }
    else:
        sizes = {args.name or f'{args.count}-images': args.count}
    for size, count in sizes.items():
        for seed in args.seeds:
            parts = split_names(names, count, seed)
            kinds = ('labeled', 'unlabeled')
            for kind, part in zip(kinds, parts, strict=True):
                path = args.out_dir / f'{size}_{seed}_{kind}.txt'
                write_list(path, part, args.overwrite)
                print(f'{path}: {len(part)} images')


if __name__ == '__main__':
    main()
