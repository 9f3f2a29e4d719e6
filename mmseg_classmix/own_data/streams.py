"""Which images are trained with masks, without, and evaluated."""

import os.path as osp
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    without_suffix,
)
from mmseg_classmix.datasets.source_check import real_path


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


def without_copies(
    names: Sequence[str],
    images: Mapping[str, LabeledImage],
    val: Sequence[LabeledImage],
) -> Stream:
    """Leave copies of validation images out of the labeled stream.

    Args:
        names: Names to train on.
        images: What is known of them.
        val: Images to evaluate on.
    """
    digests = {image.digest for image in val}
    paths = {osp.realpath(image.path) for image in val}
    copies = [
        name
        for name in names
        if images[name].digest in digests
        or osp.realpath(images[name].path) in paths
    ]
    kept = [name for name in names if name not in set(copies)]
    reason = 'validation images, by path or content'
    return Stream(kept, {reason: copies} if copies else {})


def unlabeled_stream(
    folder: str,
    names: Sequence[str],
    labeled: Sequence[LabeledImage],
    val: Sequence[LabeledImage],
    masks: Iterable[str],
    digests: Mapping[str, str],
    reuse_labeled: bool = False,
) -> Stream:
    """Leave out what must not be trained on without a mask.

    Validation images are left out by path, content and name, because a copy
    may be stored in another format; labeled ones by path and content.

    Args:
        folder: Folder of the stream.
        names: Images in it.
        labeled: Images that are trained with masks.
        val: Images to evaluate on.
        masks: Paths of masks, which may lie in the folder too.
        digests: SHA-256 of images of the stream, by name, of those that may
            be copies.
        reuse_labeled: Whether labeled images stay in.
    """
    folders = {}
    # The first reason counts.
    known = {
        'validation images': _Known(val, folders),
        'labeled images': _Known(() if reuse_labeled else labeled, folders),
    }
    mask_paths = {real_path(path, folders) for path in masks}
    stems = {without_suffix(image.name, IMG_SUFFIXES) for image in val}
    stream = Stream([])
    for name in names:
        path = real_path(osp.join(folder, name), folders)
        reason = next(
            (r for r, k in known.items() if k.has(path, digests.get(name))),
            '',
        )
        if path in mask_paths:
            reason = 'masks'
        elif not reason and without_suffix(name, IMG_SUFFIXES) in stems:
            reason = 'named like validation images'
        if reason:
            stream.left_out.setdefault(reason, []).append(name)
        else:
            stream.names.append(name)
    return stream


class _Known:
    """Images by path and content."""

    def __init__(
        self, images: Iterable[LabeledImage], folders: dict[str, str]
    ) -> None:
        images = list(images)
        self.paths = {real_path(image.path, folders) for image in images}
        self.digests = {image.digest for image in images if image.digest}

    def has(self, path: str, digest: str | None) -> bool:
        return path in self.paths or digest in self.digests
