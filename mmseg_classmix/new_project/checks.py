"""Checks of a folder of images with masks."""

import os.path as osp
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from mmseg_classmix.datasets.file_check import (
    FileReport,
    loaders,
    read_sample,
)
from mmseg_classmix.new_project.bits import check_bits
from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.images import (
    Header,
    read_all,
    read_header,
)
from mmseg_classmix.new_project.mask_values import (
    MaskValues,
    find_values,
    way_out,
)
from mmseg_classmix.new_project.masks import describe, look_for_colors
from mmseg_classmix.new_project.pairs import Pairs, find_pairs

REPLACE = 'fetch or save the file again, or take it out of the folder'
# What read_sample finds, and what to do.
WAYS_OUT = {
    'unreadable images': REPLACE,
    'unreadable masks': REPLACE,
    'masks of another size': 'a mask must be as large as its image',
    'wrong mask values': 'a mask must have one number a pixel, 0 to 255',
}


def list_pairs(
    findings: Findings,
    images: str,
    masks: str,
    options: dict,
    more_unlabeled: bool = False,
) -> Pairs | None:
    """Find images and masks, and say what does not belong together.

    Args:
        findings: Where problems go.
        images: Folder of the images.
        masks: Folder of the masks.
        options: Of :func:`find_pairs`.
        more_unlabeled: Whether images without a mask are unlabeled ones.

    Returns:
        The pairs, or None if there are none.
    """
    try:
        pairs = find_pairs(images, masks, **options)
    except (FileNotFoundError, ValueError) as error:
        findings.refuse(str(error), f'correct {images} or {masks}')
        return None
    if len(pairs.styles) > 1:
        findings.refuse(
            f'several files of {masks} may be the mask of an image',
            'give --mask-suffix, one of these',
            [f'NAME{style}.*' for style in pairs.styles],
        )
        return None
    if pairs.doubtful:
        findings.refuse(
            f'images of {images} whose mask is not clear',
            'remove or rename all but one',
            pairs.doubtful,
        )
    if not pairs.mask_of:
        findings.refuse(
            f'no image of {images} has a mask in {masks}',
            _no_pair(pairs),
        )
        return None
    if pairs.unmasked and not more_unlabeled:
        findings.refuse(
            f'images of {images} without a mask NAME'
            f'{"/".join(pairs.mask_suffixes)} in {masks}',
            'draw the masks, move these images to --unlabeled, or give '
            f'--unlabeled {images}: then they are unlabeled ones',
            pairs.unmasked,
        )
    if pairs.unused:
        findings.remark(
            f'{len(pairs.unused)} masks of {masks} have no image, such as '
            f'{pairs.unused[0]}: not used'
        )
    return pairs


def _no_pair(pairs: Pairs) -> str:
    if not pairs.unmasked:
        return 'there is no image: name the folder of the images'
    if not pairs.mask_files:
        return 'there is no mask: name the folder of the masks'
    return (
        'a mask has the path and name of its image, as a.jpg and a.png or '
        f'a_mask.png, but here are {pairs.unmasked[0]} and '
        f'{pairs.mask_files[0]}: rename, or give --image-suffix and '
        '--mask-suffix'
    )


def read_pairs(
    findings: Findings, pairs: Pairs, title: str, workers: int
) -> dict[str, FileReport]:
    """Read all images and masks to the end.

    Args:
        findings: Where problems go.
        pairs: Images and masks.
        title: Which images these are, such as 'labeled images'.
        workers: Number of processes.

    Returns:
        What was found, by the name of the image; ``pixels`` counts the
        values 0 to 255 of the mask.
    """
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
    _check_bits(findings, reports, title, workers)
    return dict(zip(pairs.mask_of, reports, strict=True))


def _check_bits(
    findings: Findings, reports: list[FileReport], title: str, workers: int
) -> None:
    """Refuse dark images of 16 bits among those that can be read."""
    paths = [r.path for r in reports if 'unreadable images' not in r.problems]
    headers = read_all(title, read_header, paths, workers)
    check_bits(findings, title, [h.path for h in headers if h.wide])


def _refuse_colors(findings: Findings, pairs: Pairs, workers: int) -> set[str]:
    """Refuse masks of colors, once for all of them."""
    paths = [osp.join(pairs.masks, mask) for mask in pairs.mask_of.values()]
    looks = read_all('masks', look_for_colors, paths, workers)
    found = [look for look in looks if look.pixels]
    if not found:
        return set()
    total = sum((look.pixels for look in found), Counter())
    gray = all(r == g == b for r, g, b in total)
    findings.refuse(
        f'masks of {pairs.masks} are color images'
        f'{", of grays," if gray else ""} with {len(total)} colors',
        'give --colors, the color of each class in the order of --classes; '
        'other colors are ignored then, and masks with numbers are written. '
        f'The colors: {describe(total)}',
        [look.path for look in found],
    )
    return {look.path for look in found}


def check_meaning(
    findings: Findings,
    reports: Mapping[str, FileReport],
    num_classes: int,
    mask_values: Sequence[int] | None,
    ignored_values: Sequence[int],
) -> MaskValues:
    """Find out what the numbers in the masks mean.

    Args:
        findings: Where problems go.
        reports: What :func:`read_pairs` returns, of all masks.
        num_classes: Number of classes.
        mask_values: Value of each class, if the user has said so.
        ignored_values: Values without a class, if the user has said so.
    """
    pixels = {
        path: report.pixels
        for path, report in reports.items()
        if report.pixels is not None
    }
    total = sum(pixels.values(), np.zeros(256, np.int64))
    values = find_values(total, num_classes, mask_values, ignored_values)
    wrong = {p: values.wrong(n, num_classes) for p, n in pixels.items()}
    bad = [f'{p}: {_short(v)}' for p, v in wrong.items() if v]
    if bad:
        findings.refuse(
            f'masks with values that are none of the {num_classes} classes',
            way_out(total, num_classes),
            bad,
        )
    elif values.mask_values and mask_values is None:
        findings.remark(
            'the masks have 0 and 255 only: 255 is taken for the second '
            'class, not for ignored pixels (mask_values in supervised.py)'
        )
    return values


def check_headers(
    findings: Findings, title: str, paths: Sequence[str], workers: int
) -> list[Header]:
    """Look at images without decoding them.

    Args:
        findings: Where problems go.
        title: What is read.
        paths: Paths of the images.
        workers: Number of processes.
    """
    headers = read_all(title, read_header, paths, workers)
    bad = [f'{h.path!r} {h.problem}' for h in headers if h.problem]
    if bad:
        findings.refuse(f'bad {title}', REPLACE, bad)
    wide = [header.path for header in headers if header.wide]
    check_bits(findings, title, wide)
    return headers


def _short(values: list[int], most: int = 10) -> str:
    more = f' and {len(values) - most} more' if len(values) > most else ''
    return f'{", ".join(map(str, values[:most]))}{more}'
