"""Everything about somebody's data, or everything that is wrong with it."""

import os.path as osp
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import floor
from pathlib import Path

import numpy as np

from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    find_images,
    without_suffix,
)
from mmseg_classmix.datasets.sample_files import (
    FileReport,
    loaders,
    read_sample,
)
from mmseg_classmix.datasets.splits import check_names, hash_order, split_names
from mmseg_classmix.new_project.findings import REPLACE, Findings
from mmseg_classmix.new_project.images import (
    check_bits,
    check_headers,
    read_all,
    read_header,
)
from mmseg_classmix.new_project.mask_values import (
    MaskValues,
    convert,
    count_colors,
    describe_colors,
    find_values,
    way_out,
)
from mmseg_classmix.new_project.pairs import Pairs, list_pairs
from mmseg_classmix.new_project.streams import (
    COPIES,
    Side,
    Stream,
    Survey,
    leave_out,
    seen,
    separate,
)

# What read_sample finds, and what to do.
WAYS_OUT = {
    'unreadable images': REPLACE,
    'unreadable masks': REPLACE,
    'masks of another size': 'a mask must be as large as its image',
    'wrong mask values': 'a mask must have one number a pixel, 0 to 255',
}


def survey(
    request: Namespace, num_classes: int, findings: Findings, converted: Path
) -> Survey | None:
    """Look at all files; None if anything is wrong.

    ``converted`` is the folder for masks that are converted from colors.
    """
    sides = _read_sides(request, findings, converted)
    names = _list_unlabeled(findings, request.unlabeled)
    paths = [osp.join(request.unlabeled, name) for name in names]
    workers = request.workers
    headers = check_headers(findings, 'unlabeled images', paths, workers)
    if 'labeled' not in sides:
        return None
    labeled = sides['labeled']
    values = _check_meaning(findings, sides, num_classes, request)
    every = sorted(labeled.reports)
    if request.val_images is None and len(every) < 2:
        findings.refuse(
            f'{request.labeled} has {len(every)} image with a mask',
            'label at least 2, one to train on and one to evaluate on, or '
            'give --val-images and --val-masks',
        )
    if findings.problems:
        return None
    if 'val' in sides:
        evaluated, train = sorted(sides['val'].reports), every
    else:
        count = max(1, floor(request.val_share * len(every) + 0.5))
        order = hash_order(every, request.seed)
        evaluated, train = split_names(order, min(count, len(every) - 1))
    val = sides.get('val', labeled)
    train = leave_out(
        {name: labeled.reports[name].path for name in train},
        {name: labeled.reports[name].digest for name in train},
        {COPIES: seen(val.reports[name] for name in evaluated)},
    )
    sizes = [header.size for header in headers if header.size]
    found = Survey(
        values, labeled, val, train, evaluated, Stream(names), sizes
    )
    separate(findings, request, found)
    for name, names in found.lists.items():
        try:
            check_names(names)
        except ValueError as error:
            findings.refuse(f'{name}: {error}', 'rename the file')
    return None if findings.problems else found


def _read_sides(
    request: Namespace, findings: Findings, converted: Path
) -> dict[str, Side]:
    folders = dict(labeled=(request.labeled, request.masks))
    if request.val_images is not None:
        folders['val'] = (request.val_images, request.val_masks)
    given = request.image_suffix
    ends = IMG_SUFFIXES if given is None else (given,), request.mask_suffix
    sides = {}
    for name, (images, masks) in folders.items():
        inside = osp.commonpath([images, request.unlabeled])
        more = name == 'labeled' and inside == request.unlabeled
        pairs = list_pairs(findings, images, masks, *ends, more)
        if pairs is None:
            continue
        if request.colors is not None:
            pairs = _convert(findings, request, pairs, converted / name)
        title = f'{name} images'
        reports = _read_pairs(findings, pairs, title, request.workers)
        sides[name] = Side(pairs, reports)
    return sides


def _convert(
    findings: Findings, request: Namespace, pairs: Pairs, folder: Path
) -> Pairs:
    """Write masks with numbers, named after the images."""
    given = request.image_suffix
    suffixes = (given,) if given else IMG_SUFFIXES
    masks = {n: f'{without_suffix(n, suffixes)}.png' for n in pairs.mask_of}
    for mask in masks.values():
        (folder / mask).parent.mkdir(parents=True, exist_ok=True)
    jobs = [
        (osp.join(pairs.masks, source), str(folder / masks[name]))
        for name, source in pairs.mask_of.items()
    ]
    to_numbers = partial(convert, colors=request.colors)
    done = read_all('masks of colors', to_numbers, jobs, request.workers)
    others = sum((rest for rest, _ in done), Counter())
    total = sum(count for _, count in done)
    if others:
        findings.remark(
            f'{100 * sum(others.values()) / total:.2f} % of the pixels of '
            f'{pairs.masks} have colors that are not in --colors: ignored. '
            f'{describe_colors(others, 5)}'
        )
    return replace(
        pairs, masks=str(folder), mask_of=masks, mask_suffixes=['.png']
    )


def _read_pairs(
    findings: Findings, pairs: Pairs, title: str, workers: int
) -> dict[str, FileReport]:
    """Read all images and masks to the end, by the name of the image."""
    colored = _refuse_colors(findings, pairs, workers)
    # With 255 classes every value is legal, and counted.
    check = partial(read_sample, steps=loaders(), num_classes=255)
    infos = [pairs.info(name) for name in pairs.mask_of]
    reports = read_all(f'{title} and masks', check, infos, workers)
    for report, info in zip(reports, infos, strict=True):
        for kind, text in report.problems.items():
            said = info['seg_map_path'] in colored
            if not (said and kind == 'wrong mask values'):
                findings.refuse(kind, WAYS_OUT.get(kind, REPLACE), [text])
    paths = [r.path for r in reports if 'unreadable images' not in r.problems]
    headers = read_all(title, read_header, paths, workers)
    check_bits(findings, title, headers)
    return dict(zip(pairs.mask_of, reports, strict=True))


def _refuse_colors(findings: Findings, pairs: Pairs, workers: int) -> set[str]:
    """Refuse masks of colors, once for all of them."""
    paths = [osp.join(pairs.masks, mask) for mask in pairs.mask_of.values()]
    colors = read_all('masks', count_colors, paths, workers)
    found = {p: c for p, c in zip(paths, colors, strict=True) if c}
    if not found:
        return set()
    total = sum(found.values(), Counter())
    gray = all(r == g == b for r, g, b in total)
    findings.refuse(
        f'masks of {pairs.masks} are color images'
        f'{", of grays," if gray else ""} with {len(total)} colors',
        'give --colors, the color of each class in the order of --classes; '
        'other colors are ignored then, and masks with numbers are written. '
        f'The colors: {describe_colors(total)}',
        found,
    )
    return set(found)


def _check_meaning(
    findings: Findings,
    sides: Mapping[str, Side],
    num_classes: int,
    request: Namespace,
) -> MaskValues:
    """Find out what the numbers in the masks mean."""
    pixels = {
        side.pairs.info(name)['seg_map_path']: report.pixels
        for side in sides.values()
        for name, report in side.reports.items()
        if report.pixels is not None
    }
    total = sum(pixels.values(), np.zeros(256, np.int64))
    given = request.mask_values, request.ignored_values
    values = find_values(total, num_classes, *given)
    wrong = {p: values.wrong(n, num_classes) for p, n in pixels.items()}
    bad = [
        f'{p}: {", ".join(map(str, v[:10]))}'
        + (f' and {len(v) - 10} more' if v[10:] else '')
        for p, v in wrong.items()
        if v
    ]
    if bad:
        findings.refuse(
            f'masks with values that are none of the {num_classes} classes',
            way_out(total, num_classes),
            bad,
        )
    elif values.mask_values and request.mask_values is None:
        findings.remark(
            'the masks have 0 and 255 only: 255 is taken for the second '
            'class, not for ignored pixels (mask_values in supervised.py)'
        )
    return values


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
