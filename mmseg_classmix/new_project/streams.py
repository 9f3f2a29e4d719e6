"""What is trained with masks, without, and evaluated; nothing is in two."""

import hashlib
import os.path as osp
from argparse import Namespace
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmseg_classmix.datasets.image_dataset import IMG_SUFFIXES, without_suffix
from mmseg_classmix.datasets.sample_files import FileReport, real_path
from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.images import read_all, same_picture
from mmseg_classmix.new_project.mask_values import MaskValues
from mmseg_classmix.new_project.pairs import Pairs

COPIES = 'validation images, by path or content'
BY_NAME = 'named like validation images of the same folder'
BY_PICTURE = 'validation images in another format, by name and picture'


@dataclass
class Stream:
    """Images of one stream, and what was left out of it, by reason."""

    names: list[str]
    left_out: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Side:
    """Images with masks, and what is in them, by the name of the image."""

    pairs: Pairs
    reports: dict[str, FileReport]

    def classes(
        self, names: list[str], values: MaskValues, num_classes: int
    ) -> np.ndarray:
        """Pixels of each class in each mask, (N, num_classes) int64."""
        pixels = [self.reports[name].pixels for name in names]
        stacked = np.array(pixels, np.int64).reshape(-1, 256)
        return stacked[:, values.of_classes(num_classes)]


@dataclass
class Survey:
    """The streams of a new project.

    ``labeled`` has the images of ``train``; ``val`` those of ``evaluated``
    and is ``labeled``, unless given; ``sizes`` are (height, width) of the
    unlabeled images, where known.
    """

    values: MaskValues
    labeled: Side
    val: Side
    train: Stream
    evaluated: list[str]
    unlabeled: Stream
    sizes: list[tuple[int, int]]

    @property
    def lists(self) -> dict[str, list[str]]:
        """Names of the images by the name of their list."""
        return dict(
            labeled=self.train.names,
            val=self.evaluated,
            unlabeled=self.unlabeled.names,
        )


def separate(findings: Findings, request: Namespace, found: Survey) -> None:
    """Leave labeled and validation images out of the unlabeled stream."""
    folder = request.unlabeled
    paths = {name: osp.join(folder, name) for name in found.unlabeled.names}
    labeled = list(found.labeled.reports.values())
    val = {name: found.val.reports[name] for name in found.evaluated}
    roots = request.masks, request.val_masks or request.masks
    masks = [
        osp.join(root, mask)
        for side, root in zip((found.labeled, found.val), roots, strict=True)
        for mask in side.pairs.mask_files
    ]
    # The first reason counts.
    reasons = {'masks': known(masks), 'validation images': seen(val.values())}
    if not request.reuse_labeled:
        reasons['labeled images'] = seen(labeled)
    # Files of another size are no copies.
    sizes = {osp.getsize(r.path) for r in (*labeled, *val.values())}
    alike = {n: p for n, p in paths.items() if osp.getsize(p) in sizes}
    title, workers = 'possible copies', request.workers
    read = read_all(title, _digest, alike.values(), workers)
    digests = dict(zip(alike, read, strict=True))
    folder = found.val.pairs.images
    twins = _find_twins(findings, request, paths, folder, val)
    found.unlabeled = leave_out(paths, digests, reasons, twins)
    if not found.train.names:
        findings.refuse(
            f'no image of {request.labeled} is left to train on: all are '
            'copies of validation images',
            'evaluate on other images, --val-images',
        )
    left_out = found.unlabeled.left_out
    if not found.unlabeled.names:
        counts = [f'{len(names)} {why}' for why, names in left_out.items()]
        ways = ['name a folder with other images']
        if 'labeled images' in left_out:
            ways.append('give --reuse-labeled')
        if BY_NAME in left_out:
            ways.append('rename those that show something else')
        findings.refuse(
            f'no image of {request.unlabeled} is left: {", ".join(counts)}',
            ', or '.join(ways),
        )


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _find_twins(
    findings: Findings,
    request: Namespace,
    paths: Mapping[str, str],
    val_folder: str,
    val: Mapping[str, FileReport],
) -> dict[str, str]:
    """Find validation images that are stored again in another format.

    In one folder, or one below the other, the same name means that. In other
    folders it may be a number that each camera counts from 0: there both
    pictures are looked at.
    """
    stems = {without_suffix(n, IMG_SUFFIXES): r.path for n, r in val.items()}
    pairs = {
        name: (path, stems[stem])
        for name, path in paths.items()
        if (stem := without_suffix(name, IMG_SUFFIXES)) in stems
    }
    folders = [osp.realpath(f) for f in (request.unlabeled, val_folder)]
    if osp.commonpath(folders) in folders:
        return dict.fromkeys(pairs, BY_NAME)
    title = 'images of the same name'
    same = read_all(title, same_picture, pairs.values(), request.workers)
    twins = [n for n, alike in zip(pairs, same, strict=True) if alike]
    if others := [name for name in pairs if name not in set(twins)]:
        findings.remark(
            f'{len(others)} unlabeled images are named like validation '
            f'images, such as {others[0]}, but show something else: kept'
        )
    return dict.fromkeys(twins, BY_PICTURE)


def known(paths: Iterable[str], digests: Iterable[str] = ()) -> set[str]:
    """Name images by real path and, some of them, by content (SHA-256)."""
    folders = {}
    return {real_path(path, folders) for path in paths} | set(digests) - {''}


def seen(reports: Iterable[FileReport]) -> set[str]:
    """Name images that have been read, as :func:`known`."""
    reports = list(reports)
    return known([r.path for r in reports], [r.digest for r in reports])


def leave_out(
    paths: Mapping[str, str],
    digests: Mapping[str, str],
    reasons: Mapping[str, set[str]],
    twins: Mapping[str, str] | None = None,
) -> Stream:
    """Leave out of a stream what is known; the first reason counts.

    ``paths`` and ``digests`` (of possible copies) are by name, and so are
    the reasons of ``twins``.
    """
    folders, stream = {}, Stream([])
    for name, path in paths.items():
        path, content = real_path(path, folders), digests.get(name)
        why = [r for r, names in reasons.items() if {path, content} & names]
        if name in (twins or {}):
            why.append(twins[name])
        if why:
            stream.left_out.setdefault(why[0], []).append(name)
        else:
            stream.names.append(name)
    return stream
