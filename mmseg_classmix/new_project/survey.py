"""Everything about somebody's data, or everything that is wrong with it."""

import os.path as osp
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    find_images,
    without_suffix,
)
from mmseg_classmix.new_project.checks import (
    check_headers,
    check_meaning,
    list_pairs,
    read_pairs,
)
from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.images import read_all
from mmseg_classmix.new_project.masks import Conversion, describe
from mmseg_classmix.new_project.overlap import without_copies, without_overlap
from mmseg_classmix.new_project.pairs import Pairs
from mmseg_classmix.new_project.streams import Request, Side, Stream, Survey


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
    return without_overlap(
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
