"""Somebody's images: gray, of odd and different sizes, two classes."""

import cv2
import numpy as np
from support import call_tool

TOOL = 'new_project.py'

CLASSES = ('Hintergrund', 'großes Blatt')
SUFFIXES = ('.JPG', '.png', '.tif', '.bmp', '.jpeg')


def draw(rng, size):
    """A bright disk on dark noise: image and mask, (H, W) uint8."""
    image = rng.integers(0, 80, size, dtype=np.uint8)
    mask = np.zeros(size, np.uint8)
    center = (int(rng.integers(5, size[1])), int(rng.integers(5, size[0])))
    cv2.circle(image, center, 9, 220, -1)
    cv2.circle(mask, center, 9, 1, -1)
    return image, mask


def save(path, array):
    """Write a file by its suffix, wherever it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix.lower(), array)
    assert done
    path.write_bytes(data.tobytes())


def write_images(
    root,
    labeled=9,
    unlabeled=5,
    white=255,
    mask_end='_mask.png',
    size=(37, 53),
):
    """Write photos, masks and more photos in ``root``.

    Args:
        white: Value of the second class in the masks.
        mask_end: What follows the name of an image in its mask.
        size: Height and width of labeled images; unlabeled ones differ.
    """
    rng = np.random.default_rng(0)
    for i in range(labeled):
        image, mask = draw(rng, size)
        save(root / 'photos' / f'p {i}{SUFFIXES[i % 5]}', image)
        save(root / 'masks' / f'p {i}{mask_end}', mask * white)
    for i in range(unlabeled):
        image, _ = draw(rng, (size[0] - 9 + i, size[1] + 2 * i))
        if i == 1:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA)
        if i == 3:
            image = image.astype(np.uint16) * 257
        suffix = '.png' if i in (1, 3) else SUFFIXES[i % 5]
        save(root / 'more' / 'deep' / f'u{i}{suffix}', image)
    return root


def arguments(root, *more, classes=CLASSES, out='my project'):
    """Command line of tools/new_project.py for these images."""
    return [
        '--labeled',
        root / 'photos',
        '--masks',
        root / 'masks',
        '--unlabeled',
        root / 'more',
        '--classes',
        *classes,
        '--out',
        root / out,
        '--gpu-memory',
        '0',
        '--workers',
        '1',
        *more,
    ]


def new_project(root, *more, code=0, **kwargs):
    """Run the tool in this process, and return its output."""
    done = call_tool(TOOL, *arguments(root, *more, **kwargs))
    assert done.returncode == code, done.stdout
    return done.stdout


def read(root, name, out='my project'):
    """Names of a list of the project."""
    return (root / out / f'{name}.txt').read_text('utf-8').splitlines()
