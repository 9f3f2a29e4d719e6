"""Write labeled and unlabeled lists of image names for a data set.

Names are ordered by a hash of (seed, name): the same on every machine, and
with one seed a smaller labeled set is part of every larger one.

    python tools/make_splits.py configs/_base_/datasets/camvid_180x240.py \
        configs/splits/camvid --fractions 1/30 1/8 1/4 1/2 --seeds 0 1 2
    python tools/make_splits.py \
        configs/_base_/datasets/cityscapes_512x1024.py \
        configs/splits/cityscapes --counts 1-30=100 1-8=372 --seeds 0 1 2

A published list of indices replaces the order of the hash:

    python tools/make_splits.py configs/_base_/datasets/voc12aug_321x321.py \
        configs/splits/voc12aug --counts 1-8=1323 \
        --from-index-list split_0.pkl --names train_aug.txt
"""

import argparse
import os.path as osp
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

import mmseg_classmix  # noqa: F401  registers the datasets
from mmseg_classmix.datasets.build_source import check_list
from mmseg_classmix.datasets.splits import (
    check_names,
    hash_order,
    order_by_index_list,
    share_of,
    split_names,
    write_list,
)
from mmseg_classmix.datasets.wrappers import leaf_configs


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
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
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        '--fractions',
        nargs='+',
        type=Fraction,
        help='labeled shares, such as 1/8 1/4',
    )
    size.add_argument(
        '--counts',
        nargs='+',
        type=named_count,
        metavar='NAME=NUMBER',
        help='start of the file names and number of labeled images, such as '
        '1-30=100 1-8=372',
    )
    size.add_argument('--count', type=int, help='number of labeled images')
    parser.add_argument('--seeds', nargs='+', type=int)
    parser.add_argument(
        '--name',
        help='start of the file names with --count, such as 1-30 for the 100 '
        'images of Cityscapes',
    )
    parser.add_argument(
        '--from-index-list',
        type=Path,
        metavar='FILE',
        help='label the images of these indices (.npy, or pickle of a list or '
        'array of integers; nothing in it is executed): the first of them '
        'with a size, else all; the files are called after it instead of a '
        'seed',
    )
    parser.add_argument(
        '--names',
        type=Path,
        metavar='LIST',
        help='list of image names that the indices count, from 0; default: '
        'ann_file of the data set in its order, or its sorted images',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace lists that have other names in them',
    )
    args = parser.parse_args(argv)
    if args.name and args.count is None:
        parser.error('--name goes with --count')
    if args.names and not args.from_index_list:
        parser.error('--names goes with --from-index-list')
    if args.seeds and args.from_index_list:
        parser.error('--from-index-list leaves nothing to --seeds')
    if args.counts and len(dict(args.counts)) < len(args.counts):
        parser.error('--counts has a name more than once')
    sizes = (args.fractions, args.counts, args.count, args.from_index_list)
    if all(size is None for size in sizes):
        parser.error(
            'give --fractions, --counts, --count or --from-index-list'
        )
    return args


def named_count(text: str) -> tuple[str, int]:
    """Read NAME=NUMBER."""
    name, _, number = text.rpartition('=')
    if not name or not number.isdecimal():
        raise argparse.ArgumentTypeError(
            f'{text!r} is not NAME=NUMBER, such as 1-8=372'
        )
    return name, int(number)


def image_names(config: str) -> list[str]:
    """List the images of a data set, in its order.

    Args:
        config: Path of a config with ``train_dataloader.dataset``.

    Returns:
        Paths below ``data_prefix.img_path`` without the suffix, as
        ``ann_file`` lists them.

    Raises:
        FileNotFoundError: If the data set is a list that does not exist.
        ValueError: If a name occurs twice: it could end up in both lists;
            or if a list of names cannot hold it.
    """
    cfg = Config.fromfile(config)
    init_default_scope('mmseg')
    key = 'train_dataloader.dataset'
    place, source = next(leaf_configs(key, cfg.train_dataloader.dataset))
    # Not build_source: names can be listed before the masks are there.
    check_list(place, source)
    dataset = DATASETS.build(source)
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
    check_names(names)
    return names


def label_counts(
    args: argparse.Namespace, total: int, listed: int
) -> dict[str, int]:
    """Say how many images every list labels, by the start of its name."""
    if args.fractions:
        counts = {
            f'{f.numerator}-{f.denominator}': share_of(f, total)
            for f in args.fractions
        }
    elif args.counts:
        counts = dict(args.counts)
    else:
        count = listed if args.count is None else args.count
        counts = {args.name or f'{count}-images': count}
    if args.from_index_list and max(counts.values()) > listed:
        raise ValueError(
            f'{args.from_index_list} has {listed} indices, too few for '
            f'{max(counts.values())} labeled images'
        )
    return counts


def main(argv: Sequence[str] | None = None) -> None:
    """Write the lists."""
    args = parse_args(argv)
    names = image_names(args.config)
    listed = len(names)
    if args.from_index_list:
        order, listed = order_by_index_list(
            names, args.from_index_list, args.names
        )
        orders = {args.from_index_list.stem: order}
    else:
        orders = {seed: hash_order(names, seed) for seed in args.seeds or [0]}
    for size, count in label_counts(args, len(names), listed).items():
        for tag, order in orders.items():
            parts = split_names(order, count)
            kinds = ('labeled', 'unlabeled')
            for kind, part in zip(kinds, parts, strict=True):
                path = args.out_dir / f'{size}_{tag}_{kind}.txt'
                write_list(path, part, args.overwrite)
                print(f'{path}: {len(part)} images')


if __name__ == '__main__':
    main()
