"""Files that a decoder reads are not refused."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_classmix.datasets.image_files import image_problem


def saved(values, kind):
    file = io.BytesIO()
    Image.fromarray(values).save(file, format=kind)
    return file.getvalue()


def noise(dtype):
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (20, 30)).astype(dtype)


@pytest.mark.parametrize('dtype', [np.float32, np.int32])
def test_tifffile_reads_32_bits(dtype):
    data = saved(noise(dtype), 'TIFF')
    assert image_problem(io.BytesIO(data), 'tifffile') == ''
    for backend in ('cv2', 'pillow'):
        assert '32 bits' in image_problem(io.BytesIO(data), backend)


def test_more_pixels_than_pillow_opens():
    # The header of a PNG of 14000x14000 pixels of 1 bit, without pixels.
    head = b'IHDR' + struct.pack('>IIBBBBB', 14000, 14000, 1, 0, 0, 0, 0)
    data = b'\x89PNG\r\n\x1a\n\0\0\0\x0d' + head
    data += struct.pack('>I', zlib.crc32(head))
    # Pillow looks for the pixels.
    data += b'\0\0\0\0IDAT' + struct.pack('>I', zlib.crc32(b'IDAT'))
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(data))
    assert image_problem(io.BytesIO(data)) == ''


def jpeg_with_fill_bytes():
    """Two 0xFF more in front of the second marker, data behind the end."""
    data = saved(noise(np.uint8), 'JPEG')
    second = 4 + int.from_bytes(data[4:6], 'big')
    assert data[second] == 0xFF
    return data[:second] + b'\xff\xff' + data[second:]


def test_fill_bytes_between_the_markers_of_a_jpeg():
    data = jpeg_with_fill_bytes()
    whole = data + b'what a camera appends'
    assert cv2.imdecode(np.frombuffer(whole, np.uint8), 1) is not None
    assert image_problem(io.BytesIO(whole)) == ''
    cut = data[:-40]
    assert 'truncated' in image_problem(io.BytesIO(cut))
    assert 'truncated' in image_problem(io.BytesIO(data[:23] + b'\xff' * 9))
