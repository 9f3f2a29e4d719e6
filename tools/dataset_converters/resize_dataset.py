r"""Resize the training images and masks of a config once, not every time.

    python tools/dataset_converters/resize_dataset.py \
        configs/classmix/cityscapes_1-8.py data/cityscapes_512x1024 --nproc 8

reads every image and mask of ``train_dataloader`` as training does, resizes
them by the ``Resize`` of their own pipeline, and writes PNG files of the same
names below OUT_DIR in place of ``data_root``. Each one is read back and must
give the same pixels: training with them is the same to the bit, ``Resize``
only finds nothing to do. docs/datasets.md says how a config takes them.

It may be interrupted: the same command continues. val and test are left out.
Evaluation reads the original files, which it may need in other sizes: masks
as they are (``EvaluateAt size='original_size'``), images for test-time
augmentation.
"""

import argparse
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from multiprocessing import Pool
from pathlib import Path

import cv2
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.utils import ProgressBar

import mmseg_classmix  # noqa: F401  registers the datasets
from mmseg_classmix.datasets.build_source import build_source
from mmseg_classmix.datasets.resized_files import PATHS, ResizedFiles
from mmseg_classmix.datasets.wrappers import leaf_configs

Streams = list[tuple[ResizedFiles, BaseDataset]]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config with train_dataloader')
    parser.add_argument(
        'out_dir', type=Path, help='folder of the resized data set'
    )
    parser.add_argument(
        '--nproc', type=int, default=1, help='processes that resize'
    )
    args = parser.parse_args(argv)
    if args.nproc < 1:
        parser.error(f'--nproc {args.nproc}: at least 1 is needed')
    return args


def find_streams(cfg: Config, out_dir: Path) -> Streams:
    """Build the training streams of a config.

    Raises:
        KeyError: If there is no train_dataloader.
        ValueError: If a stream cannot be stored resized.
    """
    if 'train_dataloader' not in cfg:
        raise KeyError(f'{cfg.filename} has no train_dataloader')
    key = 'train_dataloader.dataset'
    return [
        (ResizedFiles(place, dataset, out_dir), dataset)
        for place, source in leaf_configs(key, cfg.train_dataloader.dataset)
        for dataset in [build_source(place, source)]
    ]


def find_samples(streams: Streams) -> list[tuple[ResizedFiles, dict]]:
    """List the samples, each once and with its mask if it has one.

    Raises:
        ValueError: If two files would get one name.
    """
    samples, sources = {}, {}
    for files, dataset in sorted(streams, key=lambda pair: len(pair[0].keys)):
        for i in range(len(dataset)):
            info = dataset.get_data_info(i)
            for key in files.keys:
                path = os.path.abspath(info[PATHS[key]])
                target = files.target(path)
                if sources.setdefault(target, path) != path:
                    raise ValueError(
                        f'{sources[target]} and {path} would both become '
                        f'{target}: rename one of them'
                    )
            # Those with masks come last and replace the image alone.
            samples[files.target(info['img_path'])] = files, info
    return list(samples.values())


def mark(out_dir: Path, streams: Streams) -> None:
    """Note in the folder what it has, or check that it has that."""
    facts = {
        files.place: dict(
            data_root=str(files.root.resolve()), resize=repr(files.steps[-1])
        )
        for files, _ in streams
    }
    asked = next(iter(facts.values()))
    if any(fact != asked for fact in facts.values()):
        raise ValueError(
            'one folder can only hold what has one data_root and one Resize, '
            f'but the config has {facts}'
        )
    if Path(asked['data_root']) == out_dir.resolve():
        raise ValueError(
            f'{out_dir} is data_root of the config already: choose another '
            'folder, or unset the variable that chooses the resized files'
        )
    path = out_dir / 'resize.json'
    if path.is_file():
        found = json.loads(path.read_text('utf-8'))
        if found != asked:
            raise FileExistsError(
                f'{path} says that its folder has {found}, but the config '
                f'asks for {asked}: choose another folder, or delete this one'
            )
        return
    if out_dir.is_dir() and any(out_dir.iterdir()):
        raise FileExistsError(
            f'{out_dir} has files in it that this tool has not written: '
            'choose a new folder'
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asked, indent=1) + '\n', 'utf-8')


def copy_lists(streams: Streams) -> None:
    """Copy the lists of names that are below ``data_root``."""
    for files, dataset in streams:
        if not dataset.ann_file:
            continue
        ann_file = Path(os.path.abspath(dataset.ann_file))
        if ann_file.is_relative_to(files.root):
            copied = files.out_dir / ann_file.relative_to(files.root)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ann_file, copied)


def new_suffixes(streams: Streams) -> Iterator[str]:
    """Name the config values that fit the PNG files no more."""
    for files, dataset in streams:
        for name in ('img_suffix', 'seg_map_suffix')[: len(files.keys)]:
            known = getattr(dataset, name)
            known = (known,) if isinstance(known, str) else known
            if not any(suffix.lower().endswith('.png') for suffix in known):
                new = os.path.splitext('x' + known[0])[0][1:] + '.png'
                yield f'{files.place}.{name}={new!r}'


def write_sample(sample: tuple[ResizedFiles, dict]) -> int:
    """Write the files of one sample; a function that processes can share."""
    files, info = sample
    return files.write(info)


def main(argv: Sequence[str] | None = None) -> None:
    """Write what is missing and say what is there."""
    args = parse_args(argv)
    cfg = Config.fromfile(args.config)
    init_default_scope('mmseg')
    streams = find_streams(cfg, args.out_dir)
    samples = find_samples(streams)
    mark(args.out_dir, streams)
    copy_lists(streams)
    bar, written = ProgressBar(len(samples)), 0
    with Pool(args.nproc, cv2.setNumThreads, (0,)) as pool:
        for count in pool.imap_unordered(write_sample, samples, chunksize=4):
            written += count
            bar.update()
    print(
        f'\n{args.out_dir} has {len(samples)} images, with masks where there '
        f'are any: {written} files written now; val and test left out'
    )
    for change in dict.fromkeys(new_suffixes(streams)):
        print(f'all files are PNG now, train with {change}')


if __name__ == '__main__':
    main()
