"""The procedural street scenes: repeatable, varied, loadable."""

import hashlib
import json

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_classmix.demo.street_scenes import (
    StreetScenesDataset,
    draw_scene,
    write_street_scenes,
)

CLASSES = len(StreetScenesDataset.METAINFO['classes'])
COUNTS = {'train': 3, 'val': 2}
SIZE = (48, 96)
# Of the first six scenes; published results rest on them.
MASKS = '232cf85d02cdf0f264305b3d98e995187b60ad5672e6f3d7465777a16428a973'
MEANS = [141.206, 97.202, 72.977, 162.222, 102.431, 146.665]


def scene(index, size=SIZE):
    return draw_scene(np.random.default_rng([7, index]), size)


@pytest.fixture(scope='module')
def scenes():
    return [scene(index) for index in range(50)]


def read_all(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob('*.png'))
    }


def test_scenes_are_those_of_published_results(scenes):
    masks = b''.join(mask.tobytes() for _, mask in scenes[:6])
    assert hashlib.sha256(masks).hexdigest() == MASKS
    # Exponentials are rounded as the CPU likes: no hash of images.
    means = [image.mean() for image, _ in scenes[:6]]
    np.testing.assert_allclose(means, MEANS, atol=0.01)


def test_scenes_depend_on_the_generator_only_and_differ(scenes):
    np.random.seed(1)
    for first, second in zip(scenes[3], scene(3), strict=True):
        np.testing.assert_array_equal(first, second)
    assert len({image.tobytes() for image, _ in scenes}) == 50
    assert len({mask.tobytes() for _, mask in scenes}) == 50


def test_scenes_hold_every_class_and_nothing_else(scenes):
    present = [np.unique(mask) for _, mask in scenes]
    np.testing.assert_array_equal(
        np.unique(np.concatenate(present)), np.arange(CLASSES)
    )
    counts = [len(classes) for classes in present]
    assert min(counts) >= 3 and len(set(counts)) >= 3
    # Of an odd size, too.
    image, mask = scene(0, (65, 97))
    assert image.shape == (65, 97, 3) and image.dtype == np.uint8
    assert mask.shape == (65, 97) and mask.dtype == np.uint8


def test_a_larger_set_begins_with_the_smaller_and_a_seed_is_another(tmp_path):
    sets = dict(a=({'train': 2}, 0), b=({'train': 3, 'val': 1}, 0))
    sets['c'] = ({'train': 3, 'val': 1}, 1)
    for name, (counts, seed) in sets.items():
        assert write_street_scenes(tmp_path / name, counts, SIZE, seed)
    small, large, other = (read_all(tmp_path / name) for name in sets)
    assert small.items() < large.items()
    assert len(set(large.values())) == len(large) == 8
    assert not large.items() & other.items()


def test_only_an_incomplete_or_another_set_is_drawn(tmp_path):
    assert write_street_scenes(tmp_path, COUNTS, SIZE)
    files = read_all(tmp_path)
    times = [path.stat().st_mtime_ns for path in tmp_path.rglob('*.*')]
    assert not write_street_scenes(tmp_path, COUNTS, SIZE)
    assert times == [path.stat().st_mtime_ns for path in tmp_path.rglob('*.*')]
    for damage in ('', '{"seed"', '{}'):
        (tmp_path / 'images/train/train_0001.png').unlink()
        (tmp_path / 'meta.json').write_text(damage)
        assert write_street_scenes(tmp_path, COUNTS, SIZE)
        assert read_all(tmp_path) == files
    # A smaller set leaves no scene of the larger one.
    write_street_scenes(tmp_path, {'train': 1, 'val': 2}, SIZE)
    assert len(read_all(tmp_path)) == 2 * 3
    meta = json.loads((tmp_path / 'meta.json').read_text())
    assert meta['num_images'] == {'train': 1, 'val': 2}


def test_registered_dataset_loads_images_and_masks(tmp_path):
    write_street_scenes(tmp_path, COUNTS, SIZE)
    dataset = DATASETS.build(
        dict(
            type='StreetScenesDataset',
            data_root=str(tmp_path),
            data_prefix=dict(
                img_path='images/train', seg_map_path='annotations/train'
            ),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='mmseg.LoadAnnotations'),
            ],
        )
    )
    assert len(dataset) == 3
    assert len(dataset.metainfo['palette']) == CLASSES
    for index in range(3):
        sample = dataset[index]
        name = f'train_{index:04d}.png'
        image = cv2.imread(str(tmp_path / 'images/train' / name))
        mask = cv2.imread(str(tmp_path / 'annotations/train' / name), -1)
        np.testing.assert_array_equal(sample['img'], image)
        np.testing.assert_array_equal(sample['gt_seg_map'], mask)
