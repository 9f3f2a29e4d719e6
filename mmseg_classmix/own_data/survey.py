"""Everything about somebody's data, or everything that is wrong with it."""

import os.path as osp
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmseg_classmix.datasets.file_check import FileReport
from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    without_suffix,
)
from mmseg_classmix.datasets.image_folder import find_images
from mmseg_classmix.own_data.checks import (
    check_headers,
    check_meaning,
    list_pairs,
    read_pairs,
)
from mmseg_classmix.own_data.color_masks import Conversion, describe
from mmseg_classmix.own_data.findings import Findings
from mmseg_classmix.own_data.mask_values import MaskValues, share_of_classes
from mmseg_classmix.own_data.pairs import Pairs
from mmseg_classmix.own_data.reading import digest, read_all
from mmseg_classmix.own_data.streams import (
    LabeledImage,
    Stream,
    unlabeled_stream,
    without_copies,
)

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Request:
    """What the user has said about the data; see tools/new_project.py."""

    labeled: str
    masks: str
    unlabeled: str
    val_images: str | None
    val_masks: str | None
    image_suffix: str | None
    mask_suffix: str | None
    mask_values: list[int] | None
    ignored_values: list[int]
    colors: tuple[Color, ...] | None
    reuse_labeled: bool
    workers: int


@dataclass
class Side:
    """Images with masks, and what is in them.

    Attributes:
        pairs: Images and masks.
        reports: What was found in their files, by the name of the image.
    """

    pairs: Pairs
    reports: dict[str, FileReport]

    def images(self, names: list[str]) -> list[LabeledImage]:
        """Describe images by name."""
        found = [(name, self.reports[name]) for name in names]
        return [LabeledImage(n, r.path, r.digest) for n, r in found]

    def classes(
        self, names: list[str], values: MaskValues, num_classes: int
    ) -> np.ndarray:
        """Pixels of each class in each mask, (N, num_classes)."""
        pixels = [self.reports[name].pixels for name in names]
        return share_of_classes(pixels, values, num_classes)


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


def survey(
    request: Request,
    num_classes: int,
    findings: Findings,
    split: Callable[[list[str]], tuple[list[str], list[str]]],
    converted: Path,
) -> Survey | None:
    """Look at all files.

    Args:
        request: What the user has said.
        num_classes: Number of classes.
        findings: Gets all that is wrong.
        split: Divides the names of labeled images into those to evaluate on
            and those to train on.
        converted: Folder for masks that are converted from colors.

    Returns:
        The streams, or None if anything is wrong.
    """
    sides = _read_sides(request, findings, converted)
    names = _list_unlabeled(findings, request.unlabeled)
    paths = [osp.join(request.unlabeled, name) for name in names]
    headers = check_headers(
        findings, 'unlabeled images', paths, request.workers
    )
    sizes = [header.size for header in headers if header.size]
    if 'labeled' not in sides:
        return None
    reports = {
        side.pairs.info(name)['seg_map_path']: report
        for side in sides.values()
        for name, report in side.reports.items()
    }
    values = check_meaning(
        findings,
        reports,
        num_classes,
        request.mask_values,
        request.ignored_values,
    )
    labeled = sides['labeled']
    every = sorted(labeled.reports)
    if request.val_images is None and len(every) < 2:
        findings.refuse(
            f'{request.labeled} has {len(every)} image with a mask',
            'label at least 2, one to train on and one to evaluate on, or '
            'give --val-images and --val-masks',
        )
    if findings.problems:
        return None
    val = sides.get('val', labeled)
    evaluated, train = split(every)
    if val is not labeled:
        evaluated, train = sorted(val.reports), every
    known = {image.name: image for image in labeled.images(train)}
    return _without_overlap(
        findings,
        request,
        Survey(
            values,
            labeled,
            val,
            without_copies(train, known, val.images(evaluated)),
            evaluated,
            Stream(names),
            sizes,
        ),
    )


def _read_sides(
    request: Request, findings: Findings, converted: Path
) -> dict[str, Side]:
    folders = dict(labeled=(request.labeled, request.masks))
    if request.val_images is not None:
        folders['val'] = (request.val_images, request.val_masks)
    options = dict(mask_suffix=request.mask_suffix)
    if request.image_suffix is not None:
        options['image_suffixes'] = (request.image_suffix,)
    sides = {}
    for name, (images, masks) in folders.items():
        inside = osp.commonpath([images, request.unlabeled])
        pairs = list_pairs(
            findings,
            images,
            masks,
            options,
            name == 'labeled' and inside == request.unlabeled,
        )
        if pairs is None:
            continue
        if request.colors is not None:
            pairs = _convert(findings, request, pairs, converted / name)
        reports = read_pairs(
            findings, pairs, f'{name} images', request.workers
        )
        sides[name] = Side(pairs, reports)
    return sides


def _convert(
    findings: Findings, request: Request, pairs: Pairs, folder: Path
) -> Pairs:
    """Write masks with numbers, named after the images."""
    suffixes = (request.image_suffix,) if request.image_suffix else ()
    suffixes = suffixes or IMG_SUFFIXES
    masks = {n: f'{without_suffix(n, suffixes)}.png' for n in pairs.mask_of}
    for mask in masks.values():
        (folder / mask).parent.mkdir(parents=True, exist_ok=True)
    jobs = [
        (osp.join(pairs.masks, source), str(folder / masks[name]))
        for name, source in pairs.mask_of.items()
    ]
    convert = Conversion(request.colors)
    done = read_all('masks of colors', convert, jobs, request.workers)
    others = sum((rest for rest, _ in done), Counter())
    total = sum(count for _, count in done)
    if others:
        findings.remark(
            f'{100 * sum(others.values()) / total:.2f} % of the pixels of '
            f'{pairs.masks} have colors that are not in --colors: ignored. '
            f'{describe(others, 5)}'
        )
    return replace(
        pairs, masks=str(folder), mask_of=masks, mask_suffixes=['.png']
    )


def _list_unlabeled(findings: Findings, folder: str) -> list[str]:
    try:
        names = find_images(folder, IMG_SUFFIXES)
    except (FileNotFoundError, ValueError) as error:
        findings.refuse(str(error), f'correct {folder}')
        return []
    if not names:
        findings.refuse(
            f'{folder} has no image',
            f'name a folder of {", ".join(IMG_SUFFIXES)}',
        )
    return names


def _without_overlap(
    findings: Findings, request: Request, found: Survey
) -> Survey | None:
    """Leave labeled and validation images out of the unlabeled stream."""
    folder, names = request.unlabeled, found.unlabeled.names
    labeled = found.labeled.images(list(found.labeled.reports))
    val = found.val.images(found.evaluated)
    # Files of another size are no copies.
    sizes = {osp.getsize(image.path) for image in [*labeled, *val]}
    doubtful = [
        name for name in names if osp.getsize(osp.join(folder, name)) in sizes
    ]
    paths = [osp.join(folder, name) for name in doubtful]
    digests = read_all('possible copies', digest, paths, request.workers)
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
        dict(zip(doubtful, digests, strict=True)),
        request.reuse_labeled,
    )
    if not found.train.names:
        findings.refuse(
            f'no image of {request.labeled} is left to train on: all are '
            'copies of validation images',
            'evaluate on other images, --val-images',
        )
    if not found.unlabeled.names:
        findings.refuse(
            f'no image of {folder} is left: all are labeled or validation '
            'images',
            'name a folder with other images, or give --reuse-labeled',
        )
    return None if findings.problems else found
