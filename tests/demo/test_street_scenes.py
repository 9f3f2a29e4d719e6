"""The procedural street scenes: repeatable, varied, loadable."""

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


def scene(index, size=SIZE):
    return draw_scene(np.random.default_rng([7, index]), size)


def read_all(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob('*.png'))
    }


@pytest.mark.parametrize('size', [(48, 96), (96, 192), (65, 97)])
def test_scene_has_the_asked_size_and_types(size):
    image, mask = scene(0, size)
    assert image.shape == (*size, 3) and image.dtype == np.uint8
    assert mask.shape == size and mask.dtype == np.uint8


def test_scene_depends_on_the_generator_only():
    np.random.seed(0)
    first = scene(3)
    np.random.seed(1)
    second = scene(3)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_scenes_of_different_indices_differ():
    images = {scene(index)[0].tobytes() for index in range(20)}
    masks = {scene(index)[1].tobytes() for index in range(20)}
    assert len(images) == len(masks) == 20


def test_fifty_scenes_hold_every_class_and_nothing_else():
    present = [np.unique(scene(index)[1]) for index in range(50)]
    np.testing.assert_array_equal(
        np.unique(np.concatenate(present)), np.arange(CLASSES)
    )
    counts = [len(classes) for classes in present]
    assert min(counts) >= 3 and len(set(counts)) >= 3


def test_writing_is_repeatable_and_splits_are_disjoint(tmp_path):
    for name in ('a', 'b'):
        assert write_street_scenes(tmp_path / name, COUNTS, SIZE, seed=1)
    files = read_all(tmp_path / 'a')
    assert files == read_all(tmp_path / 'b')
    images = [data for name, data in files.items() if 'images' in name]
    assert len(images) == len(set(images)) == 5


def test_larger_data_set_begins_with_the_smaller_one(tmp_path):
    write_street_scenes(tmp_path / 'a', {'train': 2}, SIZE)
    write_street_scenes(tmp_path / 'b', {'train': 3}, SIZE)
    small, large = read_all(tmp_path / 'a'), read_all(tmp_path / 'b')
    assert small.items() < large.items()


def test_seed_changes_the_scenes(tmp_path):
    for seed in (0, 1):
        write_street_scenes(tmp_path / str(seed), {'val': 1}, SIZE, seed)
    assert read_all(tmp_path / '0') != read_all(tmp_path / '1')


def test_writing_a_complete_set_again_does_nothing(tmp_path):
    assert write_street_scenes(tmp_path, COUNTS, SIZE)
    times = [path.stat().st_mtime_ns for path in tmp_path.rglob('*.*')]
    assert not write_street_scenes(tmp_path, COUNTS, SIZE)
    again = [path.stat().st_mtime_ns for path in tmp_path.rglob('*.*')]
    assert times == again


@pytest.mark.parametrize('damage', ['', '{"seed"', '{}'])
def test_interrupted_set_is_drawn_anew(tmp_path, damage):
    write_street_scenes(tmp_path, COUNTS, SIZE)
    files = read_all(tmp_path)
    (tmp_path / 'images/train/train_0001.png').unlink()
    (tmp_path / 'meta.json').write_text(damage)
    assert write_street_scenes(tmp_path, COUNTS, SIZE)
    assert read_all(tmp_path) == files


def test_smaller_set_leaves_no_stale_scene(tmp_path):
    write_street_scenes(tmp_path, {'train': 3}, SIZE)
    write_street_scenes(tmp_path, {'train': 1}, SIZE)
    assert len(read_all(tmp_path)) == 2
    meta = json.loads((tmp_path / 'meta.json').read_text())
    assert meta['num_images'] == {'train': 1}


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
