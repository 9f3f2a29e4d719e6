r"""Check the data sets of a config: every image and every mask is read.

    python tools/dataset_converters/check_dataset.py \
        configs/classmix/camvid_1-8_r18.py --workers 4

One table has a column for each stream (labeled, unlabeled, val, test): files
and what is wrong with them, images that another stream has too (by path or by
content), and each class's share of the pixels that are not ignored with the
number of images that show it. The exit code is 1 if anything is wrong.
docs/errors.md says what can be wrong and what to do.
"""

import argparse
import os.path as osp
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from multiprocessing import Pool

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.utils import ProgressBar
from prettytable import PrettyTable

import mmseg_classmix  # noqa: F401  registers the datasets
from mmseg_classmix.datasets.build_source import build_source
from mmseg_classmix.datasets.hidden_masks import agree_on_hidden_masks
from mmseg_classmix.datasets.sample_files import (
    PROBLEMS,
    FileReport,
    loaders,
    read_sample,
)
from mmseg_classmix.datasets.wrappers import (
    leaves,
    replace_leaves,
)

EVALUATED = ('val', 'test')


@dataclass
class Stream:
    """One stream of images and what was found in its files."""

    key: str
    cfg: dict
    dataset: BaseDataset | None = None
    error: str = ''
    classes: tuple[str, ...] = ()
    reports: list[FileReport] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """Count the files with one kind of problem."""
        return sum(kind in report.problems for report in self.reports)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config with train_dataloader')
    parser.add_argument(
        '--workers', type=int, default=2, help='processes that read files'
    )
    parser.add_argument(
        '--examples',
        type=int,
        default=3,
        help='files to name for each kind of problem',
    )
    parser.add_argument(
        '--allow-overlap',
        action='store_true',
        help='labeled images in the unlabeled stream are no problem',
    )
    args = parser.parse_args(argv)
    if args.workers < 1:
        parser.error(f'--workers {args.workers}: at least 1 is needed')
    return args


def find_streams(cfg: Config) -> dict[str, Stream]:
    """Find the datasets of a config, by the name of their stream.

    Raises:
        KeyError: If there is no train_dataloader.
    """
    if 'train_dataloader' not in cfg:
        raise KeyError(f'{cfg.filename} has no train_dataloader')
    train, key = cfg.train_dataloader.dataset, 'train_dataloader.dataset'
    if train.type == 'MultiSourceDataset':
        sources = [
            (f'{key}.datasets[{i}]', source)
            for i, source in enumerate(train.datasets)
        ]
    else:
        sources = [(key, train)]
    streams = {'labeled': Stream(*sources[0])}
    for i, source in enumerate(sources[1:], 1):
        streams['unlabeled' if i == 1 else f'unlabeled {i}'] = Stream(*source)
    for name in EVALUATED:
        if loader := cfg.get(f'{name}_dataloader'):
            stream = Stream(f'{name}_dataloader.dataset', loader.dataset)
            same = name == 'test' and 'val' in streams
            if not same or without_pipeline(stream.cfg) != without_pipeline(
                streams['val'].cfg
            ):
                streams[name] = stream
    return streams


def without_pipeline(cfg: dict) -> dict:
    """Copy the config of a dataset, wrappers included, without transforms."""
    return replace_leaves(cfg, lambda leaf: dict(leaf, pipeline=[]))


def build_streams(streams: dict[str, Stream]) -> None:
    """Build the datasets, as training does."""
    for stream in streams.values():
        try:
            stream.dataset = build_source(stream.key, stream.cfg)
        # Whatever the reason is, it is a finding.
        except Exception as error:
            stream.error = f'{type(error).__name__}: {error}'
    labeled = streams['labeled']
    others = [
        stream
        for name, stream in streams.items()
        if name.startswith('unlabeled') and stream.dataset is not None
    ]
    if labeled.dataset is not None and others:
        try:
            agree_on_hidden_masks(
                (labeled.key, labeled.dataset),
                [(other.key, other.dataset) for other in others],
            )
        except ValueError as error:
            others[0].error, others[0].dataset = str(error), None
    for stream in streams.values():
        if stream.dataset is not None:
            own = stream.dataset.metainfo.get('classes')
            stream.classes = tuple(own or streams['labeled'].classes)


def read_stream(name: str, stream: Stream, workers: int) -> None:
    """Read the files of a stream."""
    if stream.dataset is None:
        return
    by_path = {}
    for _, leaf in leaves(stream.key, stream.dataset):
        check = partial(
            read_sample,
            steps=loaders(leaf.pipeline),
            num_classes=len(stream.classes),
            ignore_index=getattr(leaf, 'ignore_index', 255),
        )
        for i in range(len(leaf)):
            info = leaf.get_data_info(i)
            path = osp.realpath(info['img_path'])
            if path in by_path:
                stream.repeated.append(info['img_path'])
            else:
                by_path[path] = partial(check, info)
    print(f'{name}: {len(by_path)} images', file=sys.stderr)
    bar = ProgressBar(len(by_path), file=sys.stderr)
    with Pool(workers) as pool:
        reports = pool.imap(_call, by_path.values(), chunksize=4)
        for report in reports:
            stream.reports.append(report)
            bar.update()
    print(file=sys.stderr)


def _call(check: Callable[[], FileReport]) -> FileReport:
    return check()


def file_cells(stream: Stream) -> dict[str, object]:
    """Count the files of a stream, by row of the table."""
    if stream.error:
        return {'images': 'not built'}
    cells = {
        'images': len(stream.reports),
        'listed twice': len(stream.repeated),
    }
    kind, hidden = map(stream.cfg.get, ('type', 'eval_pseudo_labels'))
    no_masks = kind == 'UnlabeledDataset' and not hidden
    for kind in PROBLEMS:
        if not (no_masks and 'mask' in kind):
            cells[kind] = stream.count(kind)
    sizes = [r.size for r in stream.reports if r.size]
    for row, choose in (('smallest image', min), ('largest image', max)):
        if sizes:
            cells[row] = '{}x{}'.format(*choose(sizes, key=np.prod))
    return cells


def class_cells(stream: Stream) -> dict[str, str]:
    """Give each class its share of the pixels and its number of images."""
    masks = [r.pixels for r in stream.reports if r.pixels is not None]
    if not masks:
        return {}
    pixels, images = np.sum(masks, 0), np.count_nonzero(masks, 0)
    shares = 100 * pixels / max(pixels[:-1].sum(), 1)
    shares[-1] = 100 * pixels[-1] / max(pixels.sum(), 1)
    rows = [*(f'% {name}' for name in stream.classes), '% of all: ignored']
    return {
        row: f'{share:.3f} ({count})'
        for row, share, count in zip(rows, shares, images, strict=True)
    }


def make_table(
    streams: dict[str, Stream], common: dict[tuple[str, str], list[str]]
) -> PrettyTable:
    """Tabulate everything, one column a stream."""
    files = {name: file_cells(stream) for name, stream in streams.items()}
    shared = {name: {} for name in streams}
    for (first, second), paths in common.items():
        shared[second][f'also in {first}'] = len(paths)
    classes = {name: class_cells(stream) for name, stream in streams.items()}
    table = PrettyTable(['% of pixels (images)', *streams], align='r')
    table.align['% of pixels (images)'] = 'l'
    for part in (files, shared, classes):
        rows = list(
            dict.fromkeys(row for cells in part.values() for row in cells)
        )
        for row in rows:
            cells = [part[name].get(row, '-') for name in streams]
            table.add_row([row, *cells], divider=row == rows[-1])
    return table


def common_images(first: Stream, second: Stream) -> list[str]:
    """List the images of the first stream that the second one has too."""
    paths = {osp.realpath(r.path) for r in second.reports}
    digests = {r.digest for r in second.reports if r.digest}
    return [
        r.path
        for r in first.reports
        if osp.realpath(r.path) in paths or r.digest in digests
    ]


def overlaps(streams: dict[str, Stream]) -> dict[tuple[str, str], list[str]]:
    """Find the images that two streams share, by the names of the two."""
    found = {}
    for a, b in combinations(streams, 2):
        # Several unlabeled folders, or val and test, may share images.
        if a == 'labeled' or (b in EVALUATED and a not in EVALUATED):
            found[a, b] = common_images(streams[b], streams[a])
    return found


def findings(
    streams: dict[str, Stream],
    common: dict[tuple[str, str], list[str]],
    allow_overlap: bool,
) -> dict[str, list[str]]:
    """Collect what is wrong: a kind of problem and the places."""
    found = {}
    for name, stream in streams.items():
        if stream.error:
            found[f'{name} not built'] = [stream.error]
        if stream.repeated:
            found[f'{name}: listed twice'] = list(map(repr, stream.repeated))
        for kind in PROBLEMS:
            places = [
                r.problems[kind] for r in stream.reports if kind in r.problems
            ]
            if places:
                found[f'{name}: {kind}'] = places
    for (first, second), paths in common.items():
        legal = allow_overlap and second not in EVALUATED
        if paths and not legal:
            found[f'{second}: also in {first}'] = paths
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables and return the exit code."""
    args = parse_args(argv)
    cfg = Config.fromfile(args.config)
    init_default_scope('mmseg')
    streams = find_streams(cfg)
    build_streams(streams)
    for name, stream in streams.items():
        read_stream(name, stream, args.workers)
    common = overlaps(streams)
    print(make_table(streams, common))
    found = findings(streams, common, args.allow_overlap)
    for kind, places in found.items():
        print(f'{kind}: {len(places)}')
        for place in places[: args.examples]:
            print(f'  {place}')
    print(f'{len(found)} kinds of problems' if found else 'No problem found.')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
