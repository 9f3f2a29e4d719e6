"""What the files of images say, read by several processes."""

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import Pool

import cv2
import numpy as np
from mmengine.utils import ProgressBar
from PIL import Image

from mmseg_classmix.datasets.image_files import has_16_bits
from mmseg_classmix.datasets.sample_files import header_problem, loaders
from mmseg_classmix.new_project.findings import REPLACE, Findings

# EXIF orientations that turn an image on its side.
ORIENTATION, ON_SIDE = 0x0112, (5, 6, 7, 8)
# 16 bits with a maximum below this are nearly black in the upper 8.
DARK = 64 << 8
# Images of 16 bits to look at.
SOME = 16


@dataclass(frozen=True)
class Header:
    """What the first bytes of an image say.

    ``size`` is (height, width) as it is loaded, None if only a decoder knows;
    ``wide`` whether it has 16 bits a pixel.
    """

    path: str
    size: tuple[int, int] | None = None
    wide: bool = False
    problem: str = ''


def read_header(path: str) -> Header:
    """Look at an image without decoding it; a bad one raises nothing."""
    try:
        with open(path, 'rb') as file:
            if problem := header_problem(loaders()[0], file):
                return Header(path, problem=problem)
            file.seek(0)
            image = Image.open(file)
            size, wide = image.size[::-1], has_16_bits(image)
            if image.getexif().get(ORIENTATION) in ON_SIDE:
                size = size[::-1]
            return Header(path, size, wide)
    except Image.DecompressionBombError:
        return Header(path)
    # Pillow raises errors of many types for what is no image.
    except Exception as error:
        text = str(error).split(' <_io.')[0]
        return Header(path, problem=f'cannot be read: {text}')


def check_headers(
    findings: Findings, title: str, paths: Sequence[str], workers: int
) -> list[Header]:
    """Look at images without decoding them; ``title`` says which."""
    headers = read_all(title, read_header, paths, workers)
    if bad := [f'{h.path!r} {h.problem}' for h in headers if h.problem]:
        findings.refuse(f'bad {title}', REPLACE, bad)
    check_bits(findings, title, headers)
    return headers


def check_bits(
    findings: Findings, title: str, headers: Sequence[Header]
) -> None:
    """Refuse images whose 16 bits are used in part, as of a 12-bit camera."""
    paths = [header.path for header in headers if header.wide]
    values = {path: brightest(path) for path in paths[:SOME]}
    if bad := [path for path, value in values.items() if value is None]:
        found = f'{title} with 16 bits that cv2 cannot decode'
        findings.refuse(found, 'save them again, as PNG', bad)
    known = [value for value in values.values() if value is not None]
    if known and max(known) < DARK:
        findings.refuse(
            f'{title} have 16 bits a pixel, but no value beyond {max(known)} '
            f'in the first {len(known)}',
            'the upper 8 of 16 bits are read, which makes these nearly '
            'black: convert them to 8 bits that are used in full',
            paths,
        )
    elif known:
        findings.remark(
            f'{title} with 16 bits a pixel, of which the upper 8 are used: '
            f'{len(paths)}'
        )


def brightest(path: str) -> int | None:
    """Largest value of an image with all of its bits; None if cv2 fails."""
    try:
        image = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    return None if image is None else int(np.max(image))


def same_picture(paths: tuple[str, str]) -> bool:
    """Whether two files show the same, in other formats or sizes."""
    images = [cv2.imread(path, cv2.IMREAD_GRAYSCALE) for path in paths]
    if any(image is None for image in images):
        return False
    # Small ones do not have the traces of compression.
    size, mode = (32, 32), cv2.INTER_AREA
    small = [cv2.resize(i, size, interpolation=mode) * 1.0 for i in images]
    difference = np.abs(small[0] - small[1]).mean()
    contrast = min(image.std() for image in small)
    return bool(difference <= 0.5 + 0.1 * contrast)


def read_all(
    title: str, read: Callable, items: Iterable, workers: int
) -> list:
    """Apply a function to many files, in their order; a terminal has a bar."""
    items, done = list(items), []
    workers = min(workers, len(items))
    shown = sys.stderr.isatty()
    if shown and items:
        print(f'{title}: {len(items)} files', file=sys.stderr)
        bar = ProgressBar(len(items), file=sys.stderr)
    with Pool(workers) if workers > 1 else nullcontext() as pool:
        chunk = max(1, min(64, len(items) // (4 * max(workers, 1))))
        results = pool.imap(read, items, chunk) if pool else map(read, items)
        for result in results:
            done.append(result)
            if shown:
                bar.update()
    if shown:
        print(file=sys.stderr)
    return done
