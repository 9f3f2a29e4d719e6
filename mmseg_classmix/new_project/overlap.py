"""Validation images are not trained on, labeled ones not twice."""

import os.path as osp
from collections.abc import Iterable, Mapping, Sequence

from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    without_suffix,
)
from mmseg_classmix.datasets.source_check import real_path
from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.images import digest, read_all, same_picture
from mmseg_classmix.new_project.streams import (
    LabeledImage,
    Request,
    Stream,
    Survey,
)

BY_NAME = 'named like validation images of the same folder'
BY_PICTURE = 'validation images in another format, by name and picture'


def without_overlap(
    findings: Findings, request: Request, found: Survey
) -> Survey | None:
    """Leave labeled and validation images out of the unlabeled stream.

    Args:
        findings: Gets what is wrong, such as a stream without images.
        request: What the user has said.
        found: The streams; its unlabeled one changes.

    Returns:
        The streams, or None if anything is wrong.
    """
    folder, names = request.unlabeled, found.unlabeled.names
    labeled = found.labeled.images(list(found.labeled.reports))
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
        folder,
        names,
        labeled,
        val,
        masks,
        _digests(request, names, [*labeled, *val]),
        request.reuse_labeled,
        find_twins(findings, request, names, found.val.pairs.images, val),
    )
    if not found.train.names:
        findings.refuse(
            f'no image of {request.labeled} is left to train on: all are '
            'copies of validation images',
            'evaluate on other images, --val-images',
        )
    if not found.unlabeled.names:
        _refuse_none(findings, folder, found.unlabeled.left_out)
    return None if findings.problems else found


def _digests(
    request: Request, names: Sequence[str], known: Sequence[LabeledImage]
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


def find_twins(
    findings: Findings,
    request: Request,
    names: Sequence[str],
    val_folder: str,
    val: Sequence[LabeledImage],
) -> dict[str, str]:
    """Find validation images that are stored again in another format.

    In one folder, or one below the other, the same name means that. In other
    folders it may be a number that each camera counts from 0: there both
    pictures are looked at.

    Args:
        findings: Gets a remark on images with the same name alone.
        request: What the user has said.
        names: Images of the unlabeled folder.
        val_folder: Folder of the images to evaluate on.
        val: These images.

    Returns:
        How each of them is known, by its name in the unlabeled folder.
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


def _refuse_none(
    findings: Findings, folder: str, left_out: Mapping[str, Sequence[str]]
) -> None:
    reasons = [f'{len(names)} {why}' for why, names in left_out.items()]
    ways = ['name a folder with other images']
    if 'labeled images' in left_out:
        ways.append('give --reuse-labeled')
    if BY_NAME in left_out:
        ways.append('rename those that show something else')
    findings.refuse(
        f'no image of {folder} is left: {", ".join(reasons)}',
        ', or '.join(ways),
    )


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
            known; see :func:`find_twins`.
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
        self, images: Iterable[LabeledImage], folders: dict[str, str]
    ) -> None:
        images = list(images)
        self.paths = {real_path(image.path, folders) for image in images}
        self.digests = {image.digest for image in images if image.digest}

    def has(self, path: str, digest: str | None) -> bool:
        return path in self.paths or digest in self.digests
