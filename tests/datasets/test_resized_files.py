"""What cannot be stored resized is refused, by name and with a way out."""

import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS
from PIL import Image
from resized import (
    assert_equal,
    change,
    cityscapes,
    resize,
    samples,
    sources,
)

from mmseg_classmix.datasets.resized_files import steps_to_resize

PLACE = 'train_dataloader.dataset.datasets'


def refused(config, out, *words):
    with pytest.raises((ValueError, FileExistsError)) as error:
        resize(config, out)
    for word in words:
        assert word in str(error.value)


def set_all(streams, **options):
    for source in streams:
        for step in source.pipeline:
            if step.type == 'Resize':
                step.update(options)


def larger(streams):
    set_all(streams, scale=(32, 16))


def test_other_sizes_are_not_mixed(tmp_path):
    config, _ = cityscapes(tmp_path, per_city=1)
    out = tmp_path / 'resized'
    resize(config, out)
    words = ('resize.json', '(48, 24)', '(32, 16)', 'another folder')
    refused(change(config, larger), out, *words)


def test_folders_with_other_files(tmp_path):
    config, root = cityscapes(tmp_path, per_city=1)
    refused(config, root, 'is data_root of the config already')
    refused(config, config.parent, 'choose a new folder')


def test_errors_in_the_processes_end_the_tool(tmp_path):
    config, root = cityscapes(tmp_path, per_city=1)
    path = next(root.glob('leftImg8bit/train/zurich/*.png'))
    path.write_bytes(b'')
    refused(
        config, tmp_path / 'out', f'the image {path} ({PLACE}[1]) is empty'
    )


def drop_resize(streams):
    streams[1].pipeline.pop(1)


def flip_first(streams):
    streams[0].pipeline.insert(1, dict(type='RandomFlip', prob=0.5))


def by_factor(streams):
    streams[0].pipeline[2] = dict(type='Resize', scale_factor=0.5)


def at_random(streams):
    streams[0].pipeline[2] = dict(
        type='RandomResize', scale=(48, 24), ratio_range=(0.5, 2.0)
    )


def masks_later(streams):
    pipeline = streams[0].pipeline
    pipeline.insert(2, pipeline.pop(1))


def no_root(streams):
    source = streams[1]
    folder = source.data_prefix.img_path
    source.data_prefix.img_path = f'{source.pop("data_root")}/{folder}'


def two_sizes(streams):
    larger(streams[1:])


def elsewhere(streams):
    streams[0].data_prefix.seg_map_path = '../masks'


@pytest.mark.parametrize(
    ('function', 'words'),
    [
        (drop_resize, ('[1].pipeline (LoadImageFromFile,', '0 Resize')),
        (flip_first, ('[0].pipeline[1] RandomFlip', 'move it behind')),
        (by_factor, ('[0].pipeline[2] Resize(', 'has no scale')),
        (at_random, ('[0].pipeline (', 'RandomResize', '0 Resize')),
        (masks_later, ('[0].pipeline', 'LoadAnnotations in front')),
        (two_sizes, ('(48, 24)', '(32, 16)', 'one Resize')),
        (no_root, ('[1].data_root=None',)),
        (elsewhere, ('masks/', 'is not below', '[0].data_root=')),
    ],
)
def test_streams_that_cannot_be_stored(tmp_path, function, words):
    config, root = cityscapes(tmp_path, per_city=1)
    (tmp_path / 'masks').symlink_to(root / 'gtFine' / 'train')
    out = tmp_path / 'out'
    refused(change(config, function), out, PLACE, *words)
    assert not out.exists()


def test_float_images_are_not_cut_to_8_bits(tmp_path):
    def in_floats(streams):
        set_all(streams, backend='cv2')
        for source in streams:
            source.pipeline[0].to_float32 = True

    config, _ = cityscapes(tmp_path, per_city=1)
    # Decoding gives floats again: only their fractions would be lost.
    refused(change(config, in_floats), tmp_path / 'out', 'cannot be replaced')
    assert not list((tmp_path / 'out').rglob('*_*.png'))


def test_a_ratio_may_be_kept(tmp_path):
    # 101x53 in 48x24 becomes 46x24, which stays itself.
    config, _ = cityscapes(tmp_path, (53, 101))
    change(config, lambda streams: set_all(streams, keep_ratio=True))
    out = tmp_path / 'resized'
    resize(config, out)
    assert_equal(samples(config), samples(config, out))
    (size,) = {Image.open(p).size for p in out.glob('*/*/*/*.png')}
    assert size == (46, 24)


def test_two_files_of_one_name(tmp_path):
    config, root = cityscapes(tmp_path, per_city=1)
    path = next(root.glob('leftImg8bit/train/zurich/*.png'))
    Image.open(path).save(path.with_suffix('.jpg'))

    def take_all(streams):
        streams[1].update(ann_file='', img_suffix=['.png', '.jpg'])

    words = (str(path), str(path.with_suffix('.jpg')), 'would both become')
    refused(change(config, take_all), tmp_path / 'out', *words)


def test_transforms_of_the_dataset_are_left_alone(tmp_path):
    config, _ = cityscapes(tmp_path, per_city=1)
    cfg = Config.fromfile(str(config))
    steps = DATASETS.build(sources(cfg)[0]).pipeline.transforms
    steps[1].reduce_zero_label = True
    kept = steps_to_resize('here', steps)
    assert kept[1].reduce_zero_label is None
    assert steps[1].reduce_zero_label is True
    assert [type(step) for step in kept] == [type(step) for step in steps[:3]]
