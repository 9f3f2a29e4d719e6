r"""Images per second of the training stream, from original and resized files.

    python tools/benchmarks/data.py

draws street scenes of 2048x1024, smoothed as a color sensor does, so that a
PNG has the 2.2 MB of an average image of Cityscapes; writes the resized
version with ``tools/dataset_converters/resize_dataset.py``; and loads both
with the dataset, pipelines and sampler of CONFIG, in turns, on one core and
without workers. Samples are compared first. Files come out of the memory of
the system: what is measured is decoding and transforms, not a disk. The ratio
of times is that of images per second.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from meters import measure, report
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATA_SAMPLERS, init_default_scope
from mmseg.registry import DATASETS

from mmseg_classmix.demo.street_scenes import draw_scene

ROOT = Path(__file__).resolve().parents[2]
RESIZE = ROOT / 'tools' / 'dataset_converters' / 'resize_dataset.py'
# Pixels; of a Gaussian.
SENSOR_BLUR = 0.8


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'config',
        nargs='?',
        default=str(ROOT / 'configs' / 'classmix' / 'cityscapes_1-8.py'),
        help='config in the layout of Cityscapes (default: %(default)s)',
    )
    parser.add_argument('--images', type=int, default=8)
    parser.add_argument(
        '--height', type=int, default=1024, help='the width is twice this'
    )
    parser.add_argument('--rounds', type=int, default=20)
    args = parser.parse_args(argv)
    if args.images < 4 or args.height < 64 or args.rounds < 1:
        parser.error('at least 4 images, a height of 64 and 1 round')
    return args


def write_scenes(root: Path, count: int, height: int) -> list[str]:
    """Write drawn scenes in the layout of Cityscapes."""
    folders = [
        root / kind / 'train/drawn' for kind in ('leftImg8bit', 'gtFine')
    ]
    for folder in folders:
        folder.mkdir(parents=True)
    names = [f'drawn_{i:06d}_000019' for i in range(count)]
    for i, name in enumerate(names):
        rng = np.random.default_rng(i)
        image, mask = draw_scene(rng, (height, 2 * height))
        image = cv2.GaussianBlur(image, (0, 0), SENSOR_BLUR)
        cv2.imwrite(f'{folders[0]}/{name}_leftImg8bit.png', image)
        cv2.imwrite(f'{folders[1]}/{name}_gtFine_labelTrainIds.png', mask)
    return [f'drawn/{name}' for name in names]


def point_at(cfg: Config, root: Path, lists: Path) -> Config:
    """Copy a config whose training streams read a folder."""
    cfg = Config(cfg.to_dict(), filename=cfg.filename)
    for i, source in enumerate(cfg.train_dataloader.dataset.datasets):
        source.data_root = str(root)
        source.ann_file = str(lists / f'{i}.txt')
    return cfg


def open_stream(cfg: Config) -> tuple[BaseDataset, Callable[[], Iterator]]:
    """Build the training stream of a config without a loader."""
    loader = cfg.train_dataloader
    dataset = DATASETS.build(loader.dataset)
    sampler = DATA_SAMPLERS.build(
        loader.sampler, default_args=dict(dataset=dataset, seed=0)
    )
    return dataset, lambda: iter(sampler)


def check_same(streams: dict[str, tuple], count: int) -> None:
    """Compare the first samples of two streams."""
    sides = (
        [dataset[draw] for draw in islice(start(), count)]
        for dataset, start in streams.values()
    )
    for first, second in zip(*sides, strict=True):
        masks = [s['data_samples'].get('gt_sem_seg') for s in (first, second)]
        same = torch.equal(first['inputs'], second['inputs'])
        if masks[0] is not None or masks[1] is not None:
            same = same and torch.equal(masks[0].data, masks[1].data)
        if not same:
            raise RuntimeError(
                f'{first["data_samples"].img_path} and its resized version '
                'give other samples'
            )


def compare_streams(
    cfgs: dict[str, Config], count: int, rounds: int
) -> list[str]:
    """Load the same samples from both folders, in turns."""
    streams = {name: open_stream(cfg) for name, cfg in cfgs.items()}
    check_same(streams, count)

    def load_all(dataset: BaseDataset, start: Callable) -> None:
        for draw in islice(start(), count):
            dataset[draw]

    results = measure(
        {
            name: lambda stream=stream: load_all(*stream)
            for name, stream in streams.items()
        },
        rounds,
        threads=1,
    )
    rates = (
        f'{name}: {count / result.median:.1f} images/s'
        for name, result in results.items()
    )
    return [*report(results, unit=list(cfgs)[-1]), '; '.join(rates)]


def main(argv: Sequence[str] | None = None) -> int | None:
    """Write the files, measure, print the report."""
    args = parse_args(argv)
    cv2.setNumThreads(0)
    init_default_scope('mmseg')
    cfg = Config.fromfile(args.config)
    with tempfile.TemporaryDirectory(prefix='data_') as folder:
        folder = Path(folder)
        original, resized = folder / 'original', folder / 'resized'
        names = write_scenes(original, args.images, args.height)
        half = args.images // 2
        for i, part in enumerate((names[:half], names[half:])):
            (folder / f'{i}.txt').write_text('\n'.join(part) + '\n')
        point_at(cfg, original, folder).dump(folder / 'config.py')
        subprocess.run(
            [sys.executable, RESIZE, folder / 'config.py', resized],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        cfgs = {
            f'{2 * args.height}x{args.height}': original,
            'resized': resized,
        }
        cfgs = {k: point_at(cfg, v, folder) for k, v in cfgs.items()}
        for root in (original, resized):
            sizes = [p.stat().st_size for p in root.glob('leftImg8bit/*/*/*')]
            print(f'{root.name} images: {np.mean(sizes) / 1e6:.2f} MB each')
        print(*compare_streams(cfgs, args.images, args.rounds), sep='\n')


if __name__ == '__main__':
    sys.exit(main())
