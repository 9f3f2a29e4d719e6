"""What a decoder would do to an image or mask file, from its first bytes.

Decoders disagree, and some of what they do is silent: cv2 before version 5
fills the rest of a truncated JPEG with gray, Pillow clips 16-bit grays to
white, both stretch the numbers of a 4-bit grayscale mask, and cv2 makes
colors of the numbers of a palette mask. docs/errors.md has the whole table.
"""

import re
from contextlib import suppress
from typing import BinaryIO

import numpy as np
from PIL import Image

JPEG_START, JPEG_END = b'\xff\xd8', b'\xff\xd9'
# Any number of them may be in front of a marker.
FILL = re.compile(b'\xff+')
# What Pillow calls grays of less than 8 bits, or inverted ones.
STRETCHED = ('L;2', 'L;4', 'L;I', '1;I', 'L;2I', 'L;4I')


def image_problem(file: BinaryIO, backend: str = 'cv2') -> str:
    """Say why ``imdecode_backend`` cannot load an image; '' if it can.

    Grayscale, palette and CMYK images become three colors, an alpha channel
    is dropped, and of 16 bits the upper 8 are taken. None of that is a
    problem. The sentence starts with the path, which is left out.
    """
    if not file.seek(0, 2):
        return 'is empty (0 bytes)'
    if not _has_end(file):
        return 'is truncated: a JPEG without its end'
    mode, kind = '', ''
    # Pillow may not know a format or size that cv2 does.
    with suppress(OSError, SyntaxError, Image.DecompressionBombError):
        image = _open(file)
        mode, kind = image.mode, image.format
    # Older Pillow calls the 16 bits of a PNG so, too.
    wide = mode == 'F' or (mode == 'I' and kind != 'PNG')
    # tifffile hands the numbers over as they are.
    if wide and backend in ('cv2', 'pillow'):
        return 'has 32 bits a pixel, and no brightest number: use 8 bits'
    if backend == 'pillow' and (mode == 'I' or mode.startswith('I;16')):
        return (
            f'has 16 bits a pixel (mode {mode}), which Pillow would clip: '
            "load it with imdecode_backend='cv2', or convert it to 8 bits"
        )
    return ''


def mask_problem(file: BinaryIO, backend: str = 'pillow') -> str:
    """Say why a mask would be loaded with other numbers, as above.

    Masks of 8 bits, with a palette or without, and of 1 bit are read as they
    are, and so are those of 16 and 32 bits whose numbers fit into 8 bits.
    """
    if not file.seek(0, 2):
        return 'is empty (0 bytes)'
    image = _open(file)
    if image.format in ('JPEG', 'MPO'):
        return 'is a JPEG, which changes the numbers: store masks as PNG'
    if len(image.getbands()) > 1:
        return (
            f'is a color image (mode {image.mode}): a mask has one number a '
            'pixel, convert the colors to the numbers of the classes'
        )
    if image.mode in ('P', '1') and backend != 'pillow':
        return (
            f'has a palette or 1 bit a pixel (mode {image.mode}), of which '
            f'imdecode_backend={backend!r} makes colors: load masks with '
            "LoadAnnotations(imdecode_backend='pillow'), the default"
        )
    raw = _raw_mode(image)
    if raw in STRETCHED:
        return (
            f'is stored as {raw!r}: decoders stretch such grays, so that 1 '
            'would become another class. Store masks with 8 bits a pixel'
        )
    if image.mode in ('L', 'P', '1'):
        return ''
    values = np.asarray(image)
    wrong = values[(values < 0) | (values > 255) | (values != values // 1)]
    if not wrong.size:
        return ''
    return (
        f'has the values {np.unique(wrong)[:10].tolist()}, which loading '
        'would cut to 8 bits, to the numbers of other classes: store masks '
        'as whole numbers from 0 to 255'
    )


def has_16_bits(image: Image.Image) -> bool:
    """Whether an image, opened but not loaded, has 16 bits a channel."""
    # Pillow calls a color image of 16 bits 'RGB', too.
    return image.mode.startswith('I') or ';16' in _raw_mode(image)


def swapped(size: tuple[int, int], other: tuple[int, int]) -> str:
    """Hint at the usual cause of two sizes that are each other's reverse."""
    hint = '; images are turned as their EXIF orientation says, masks never'
    return hint if size == other[::-1] and size != other else ''


def _open(file: BinaryIO) -> Image.Image:
    """Read the header only."""
    file.seek(0)
    return Image.open(file)


def _raw_mode(image: Image.Image) -> str:
    arguments = image.tile[0][3] if image.tile else ''
    return arguments[0] if isinstance(arguments, tuple) else arguments


def _has_end(file: BinaryIO) -> bool:
    """Whether a file is no JPEG, or a JPEG with an end."""
    file.seek(0)
    if file.read(2) != JPEG_START:
        return True
    file.seek(-2, 2)
    if file.read(2) == JPEG_END:
        return True
    # Cameras append data. An end before the pixels is that of a thumbnail.
    file.seek(0)
    data = file.read()
    position = 2
    while fill := FILL.match(data, position):
        position = fill.end()
        if data[position : position + 1] == b'\xda':
            return JPEG_END in data[position:]
        length = data[position + 1 : position + 3]
        position += 1 + int.from_bytes(length, 'big')
    return False
