"""Damaged files, and what training and check_dataset.py say of them."""

import struct
import zlib

import numpy as np
from mmengine.config import Config
from mmseg.registry import DATASETS
from PIL import Image
from support import CLASSMIX, call_tool


def image(root, name='im_1.png', split='train'):
    """Path of an image of the tiny data set."""
    return root / 'images' / split / name


def mask(root, name='im_1.png', split='train'):
    """Path of a mask of the tiny data set."""
    return root / 'masks' / split / name


def build(change=lambda cfg: None):
    """Build the training data that the environment names."""
    cfg = Config.fromfile(str(CLASSMIX))
    change(cfg)
    return DATASETS.build(cfg.train_dataloader.dataset)


def draw_all(dataset):
    """Load every sample, with a mask or without."""
    return [dataset[i] for i in range(len(dataset))]


def check(config=CLASSMIX, *options):
    """Call check_dataset.py in this process: exit code and output."""
    tool = 'dataset_converters/check_dataset.py'
    done = call_tool(tool, config, '--workers', 1, *options)
    return done.returncode, done.stdout


def gray_png(values, bits):
    """Encode numbers as a grayscale PNG of 1, 2 or 4 bits a pixel.

    Written from the PNG specification: neither Pillow nor cv2 writes it.
    """
    height, width = values.shape
    rows = b''
    for row in values:
        text = ''.join(f'{value:0{bits}b}' for value in row)
        text = text.ljust(-(-len(text) // 8) * 8, '0')
        packed = int(text, 2).to_bytes(len(text) // 8, 'big')
        rows += b'\0' + packed

    def chunk(kind, data):
        sum32 = struct.pack('>I', zlib.crc32(kind + data))
        return struct.pack('>I', len(data)) + kind + data + sum32

    head = struct.pack('>IIBBBBB', width, height, bits, 0, 0, 0, 0)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', head)
        + chunk(b'IDAT', zlib.compress(rows))
        + chunk(b'IEND', b'')
    )


def truncate(path):
    """Keep the first half of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def rewrite(path, change, **options):
    """Change the pixels of a file with a function of their array."""
    with Image.open(path) as file:
        pixels = np.array(file)
    Image.fromarray(change(pixels)).save(path, **options)
    return path
