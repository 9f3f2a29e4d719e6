"""Pairs by name, and what the numbers in the masks mean."""

import numpy as np
import pytest
from own_images import save

from mmseg_classmix.datasets import LabeledDataset, MultiSourceDataset
from mmseg_classmix.datasets.labeled import distinct_colors
from mmseg_classmix.preflight.data import bad_files

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
IMAGES = ('a.JPG', 'b.png', 'deep/c d.tif')
MASKS = ('a.png', 'b.png', 'deep/c d.png')


def write(root, masks=MASKS, values=(0, 1, 255)):
    for name in IMAGES:
        save(root / 'images' / name, np.full((4, 6, 3), 9, np.uint8))
    mask = np.resize(np.array(values, np.uint8), (4, 6))
    for name in masks:
        save(root / 'masks' / name, mask)
    return mask


def make(root, **kwargs):
    kwargs.setdefault('metainfo', dict(classes=('x', 'y')))
    return LabeledDataset(
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        pipeline=PIPELINE,
        **kwargs,
    )


def masks_of(dataset, root):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [i['seg_map_path'].removeprefix(f'{root}/masks/') for i in infos]


def labels(dataset, i=0):
    return dataset[i]['data_samples'].gt_sem_seg.data[0].numpy()


def test_images_of_any_suffix_find_their_masks(tmp_path):
    mask = write(tmp_path)
    dataset = make(tmp_path)
    assert masks_of(dataset, tmp_path) == list(MASKS)
    assert all((labels(dataset, i) == mask).all() for i in range(3))


def test_list_may_leave_suffixes_out(tmp_path):
    write(tmp_path)
    (tmp_path / 'list.txt').write_text('deep/c d\nb.png\n')
    dataset = make(tmp_path, ann_file='list.txt')
    assert masks_of(dataset, tmp_path) == ['deep/c d.png', 'b.png']


def test_image_suffix_is_not_in_the_name_of_the_mask(tmp_path):
    save(tmp_path / 'images' / '7_sat.jpg', np.zeros((4, 6, 3), np.uint8))
    save(tmp_path / 'masks' / '7_mask.png', np.zeros((4, 6), np.uint8))
    dataset = make(tmp_path, img_suffix='_sat.jpg', seg_map_suffix='_mask.png')
    assert masks_of(dataset, tmp_path) == ['7_mask.png']


def test_masks_of_several_suffixes(tmp_path):
    write(tmp_path, masks=('a.PNG', 'b.tif', 'deep/c d.png'))
    suffixes = ['.png', '.PNG', '.tif']
    dataset = make(tmp_path, seg_map_suffix=suffixes)
    found = ['a.PNG', 'b.tif', 'deep/c d.png']
    assert masks_of(dataset, tmp_path) == found
    save(tmp_path / 'masks' / 'b.png', np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"'b.png' may be b.png or b.tif"):
        make(tmp_path, seg_map_suffix=suffixes)


def test_missing_mask_is_named_before_training(tmp_path):
    write(tmp_path, masks=MASKS[:2])
    (problem,) = bad_files(make(tmp_path), headers=False)
    assert 'deep/c d.png' in problem and 'does not exist' in problem


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (dict(), {0: 0, 1: 1, 255: 255}),
        (dict(mask_values=[255, 0]), {255: 0, 0: 1}),
        (dict(mask_values=[7, 128]), {7: 0, 128: 1, 255: 255}),
        (
            dict(mask_values=[1, 2], ignored_values=[0]),
            {1: 0, 2: 1, 0: 255, 255: 255},
        ),
        (dict(ignored_values=[9]), {0: 0, 1: 1, 9: 255}),
    ],
)
def test_values_become_classes(tmp_path, options, expected):
    mask = write(tmp_path, values=list(expected))
    found = labels(make(tmp_path, **options))
    for value, label in expected.items():
        assert (found[mask == value] == label).all()


def test_value_that_is_no_class_is_not_taken_for_one(tmp_path):
    write(tmp_path, values=(0, 1, 255))
    dataset = MultiSourceDataset([make(tmp_path, mask_values=[0, 255])])
    with pytest.raises(ValueError, match='a.png has the values'):
        dataset[0]


@pytest.mark.parametrize(
    'options',
    [
        dict(mask_values=[0]),
        dict(mask_values=[0, 0]),
        dict(mask_values=[0, 1], ignored_values=[1]),
        dict(ignored_values=[0]),
    ],
    ids=str,
)
def test_values_that_do_not_fit_the_classes_are_refused(tmp_path, options):
    write(tmp_path)
    with pytest.raises(ValueError, match='one value for each of the 2'):
        make(tmp_path, **options)


def test_folder_of_masks_is_needed(tmp_path):
    with pytest.raises(ValueError, match='seg_map_path=...'):
        LabeledDataset(data_prefix=dict(img_path='images'))


def test_colors_are_distinct():
    for number in (2, 20, 21, 150):
        colors = np.array(distinct_colors(number))
        assert colors.shape == (number, 3)
        assert colors.min() >= 0
        assert colors.max() <= 255
        distance = np.abs(colors[:, None] - colors[None]).sum(-1)
        np.fill_diagonal(distance, 999)
        assert distance.min() >= 3


def test_palette_of_the_user_wins(tmp_path):
    write(tmp_path)
    metainfo = dict(classes=('x', 'y'), palette=[[1, 2, 3], [4, 5, 6]])
    dataset = make(tmp_path, metainfo=metainfo)
    assert dataset.metainfo['palette'] == [[1, 2, 3], [4, 5, 6]]
    own = make(tmp_path).metainfo['palette']
    assert own == distinct_colors(2)
