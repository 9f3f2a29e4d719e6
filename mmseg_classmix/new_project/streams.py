"""What is trained with masks, without, and evaluated; nothing is in two."""

import os.path as osp
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmseg_classmix.datasets.file_check import FileReport
from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    without_suffix,
)
from mmseg_classmix.datasets.source_check import real_path
from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.images import digest, read_all, same_picture
from mmseg_classmix.new_project.masks import MaskValues
from mmseg_classmix.new_project.pairs import Pairs

BY_NAME = 'named like validation images of the same folder'
BY_PICTURE = 'validation images in another format, by name and picture'


@dataclass(frozen=True)
class LabeledImage:
    """An image with a mask.

    Attributes:
        name: Path below its folder.
        path: Whole path.
        digest: SHA-256 of the file.
    """

    name: str
    path: str
    digest: str


@dataclass
class Stream:
    """Images of one stream, and what was left out of it.

    Attributes:
        names: Paths below the folder of the stream.
        left_out: Names by reason.
    """

    names: list[str]
    left_out: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Side:
    """Images with masks, and what is in them.

    Attributes:
        pairs: Images and masks.
        reports: What was found in their files, by the name of the image.
    """

    pairs: Pairs
    reports: dict[str, FileReport]

    def images(self, names: Iterable[str]) -> list[LabeledImage]:
        """Describe images by name."""
        found = [(name, self.reports[name]) for name in names]
        return [LabeledImage(n, r.path, r.digest) for n, r in found]

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

    Attributes:
        values: Meaning of the numbers in the masks.
        labeled: Where the images of ``train`` are.
        val: Where those to evaluate on are; ``labeled``, unless given.
        train: Images that are trained with masks.
        evaluated: Names of the images to evaluate on.
        unlabeled: Images that are trained without masks.
        sizes: Height and width of the unlabeled images, where known.
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
    """Leave labeled and validation images out of the unlabeled stream.

    Args:
        findings: Gets what is wrong, such as a stream without images.
        request: The command line.
        found: The streams; its unlabeled one changes.
    """
    names = found.unlabeled.names
    labeled = found.labeled.images(found.labeled.reports)
    val = found.val.images(found.evaluated)
    masks = [
        osp.join(root, mask)
        for side, root in (
            (found.labeled, request.masks),
            (found.val, request.val_masks or request.masks),
        )
        for mask in side.pairs.mask_files
    ]
    found.unlabeled = unlabeled_stream(
        request.unlabeled,
        names,
        labeled,
        val,
        masks,
        _digests(request, names, [*labeled, *val]),
        request.reuse_labeled,
        _find_twins(findings, request, names, found.val.pairs.images, val),
    )
    if not found.train.names:
        findings.refuse(
            f'no image of {request.labeled} is left to train on: all are '
            'copies of validation images',
            'evaluate on other images, --val-images',
        )
    if not found.unlabeled.names:
        left_out = found.unlabeled.left_out
        reasons = [f'{len(names)} {why}' for why, names in left_out.items()]
        ways = ['name a folder with other images']
        if 'labeled images' in left_out:
            ways.append('give --reuse-labeled')
        if BY_NAME in left_out:
            ways.append('rename those that show something else')
        findings.refuse(
            f'no image of {request.unlabeled} is left: {", ".join(reasons)}',
            ', or '.join(ways),
        )


def _digests(
    request: Namespace, names: Sequence[str], known: Sequence[LabeledImage]
) -> dict[str, str]:
    # Files of another size are no copies.
    sizes = {osp.getsize(image.path) for image in known}
    paths = {name: osp.join(request.unlabeled, name) for name in names}
    paths = {
        n: path for n, path in paths.items() if osp.getsize(path) in sizes
    }
    found = read_all(
        'possible copies', digest, paths.values(), request.workers
    )
    return dict(zip(paths, found, strict=True))


def _find_twins(
    findings: Findings,
    request: Namespace,
    names: Sequence[str],
    val_folder: str,
    val: Sequence[LabeledImage],
) -> dict[str, str]:
    """Find validation images that are stored again in another format.

    In one folder, or one below the other, the same name means that. In other
    folders it may be a number that each camera counts from 0: there both
    pictures are looked at.
    """
    stems = {without_suffix(i.name, IMG_SUFFIXES): i.path for i in val}
    pairs = {
        name: (osp.join(request.unlabeled, name), stems[stem])
        for name in names
        if (stem := without_suffix(name, IMG_SUFFIXES)) in stems
    }
    folders = [osp.realpath(f) for f in (request.unlabeled, val_folder)]
    if osp.commonpath(folders) in folders:
        return dict.fromkeys(pairs, BY_NAME)
    same = read_all(
        'images of the same name',
        same_picture,
        pairs.values(),
        request.workers,
    )
    twins = [n for n, alike in zip(pairs, same, strict=True) if alike]
    if others := [name for name in pairs if name not in set(twins)]:
        findings.remark(
            f'{len(others)} unlabeled images are named like validation '
            f'images, such as {others[0]}, but show something else: kept'
        )
    return dict.fromkeys(twins, BY_PICTURE)


def without_copies(
    images: Sequence[LabeledImage], val: Sequence[LabeledImage]
) -> Stream:
    """Leave copies of validation images out of the labeled stream."""
    known, folders = _Known(val, {}), {}
    stream = Stream([])
    for image in images:
        if known.has(real_path(image.path, folders), image.digest):
            reason = 'validation images, by path or content'
            stream.left_out.setdefault(reason, []).append(image.name)
        else:
            stream.names.append(image.name)
    return stream


def unlabeled_stream(
    folder: str,
    names: Sequence[str],
    labeled: Sequence[LabeledImage],
    val: Sequence[LabeledImage],
    masks: Iterable[str],
    digests: Mapping[str, str],
    reuse_labeled: bool = False,
    twins: Mapping[str, str] | None = None,
) -> Stream:
    """Leave out what must not be trained on without a mask.

    Validation and labeled images are left out by path and content.

    Args:
        folder: Folder of the stream.
        names: Images in it.
        labeled: Images that are trained with masks.
        val: Images to evaluate on.
        masks: Paths of masks, which may lie in the folder too.
        digests: SHA-256 of images of the stream, by name, of those that may
            be copies.
        reuse_labeled: Whether labeled images stay in.
        twins: Validation images in another format, by name, and how that is
            known.
    """
    folders = {}
    # The first reason counts.
    known = {
        'validation images': _Known(val, folders),
        'labeled images': _Known(() if reuse_labeled else labeled, folders),
    }
    mask_paths = {real_path(path, folders) for path in masks}
    stream = Stream([])
    for name in names:
        path = real_path(osp.join(folder, name), folders)
        reason = next(
            (r for r, k in known.items() if k.has(path, digests.get(name))),
            '',
        )
        if path in mask_paths:
            reason = 'masks'
        reason = reason or (twins or {}).get(name, '')
        if reason:
            stream.left_out.setdefault(reason, []).append(name)
        else:
            stream.names.append(name)
    return stream


class _Known:
    """Images by path and content."""

    def __init__(
        self, images: Sequence[LabeledImage], folders: dict[str, str]
    ) -> None:
        self.paths = {real_path(image.path, folders) for image in images}
        self.digests = {image.digest for image in images if image.digest}

    def has(self, path: str, digest: str | None) -> bool:
        return path in self.paths or digest in self.digests
