"""Hidden masks have the numbers of the labeled masks."""

import cv2
import numpy as np
import pytest

from mmseg_classmix.datasets import MultiSourceDataset
from mmseg_classmix.datasets.build_source import build_source

IMAGE = dict(type='LoadImageFromFile')
PACK = dict(type='PackSegInputs')
FOLDERS = dict(img_path='images', seg_map_path='masks')
NAMES = ('a', 'b')


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Images and masks: 0 and 255 in ``masks``, 0, 1 and 2 in ``ids``."""
    monkeypatch.chdir(tmp_path)
    for name in ('images', 'other', 'masks', 'ids'):
        (tmp_path / name).mkdir()
        mask = np.zeros((6, 4), np.uint8)
        mask[2:4], mask[4:] = (1, 2) if name == 'ids' else (255, 255)
        cv2.imwrite(f'{name}/0.png', mask)


def labeled(**kwargs):
    pipeline = [IMAGE, dict(type='LoadAnnotations'), PACK]
    own = dict(metainfo=dict(classes=NAMES), data_prefix=FOLDERS)
    default = dict(type='LabeledDataset', pipeline=pipeline, **own)
    return {**default, **kwargs}


def unlabeled(masks, images='other', **kwargs):
    return dict(
        type='UnlabeledDataset',
        data_prefix=dict(img_path=images, seg_map_path=masks),
        eval_pseudo_labels=True,
        pipeline=[IMAGE, PACK],
        **kwargs,
    )


def rows(mask):
    return mask.data[0, ::2, 0].tolist()


def labels(first, second):
    """Labels of three rows in the first samples of two sources."""
    dataset = MultiSourceDataset([first, second])
    one, two = (dataset[i]['data_samples'] for i in range(2))
    return rows(one.gt_sem_seg), rows(two.hidden_sem_seg)


def ids(classes, **kwargs):
    folders = dict(FOLDERS, seg_map_path='ids')
    return labeled(
        metainfo=dict(classes=classes), data_prefix=folders, **kwargs
    )


@pytest.mark.parametrize(
    ('source', 'expected'),
    [
        (ids(('a', 'b', 'c')), [0, 1, 2]),
        (ids(('a', 'b'), ignored_values=[2], ignore_index=99), [0, 1, 99]),
        (ids(('a', 'b'), reduce_zero_label=True), [255, 0, 1]),
        (
            ids(('pole', 'building', 'sky'), type='CamVidDataset')
            | dict(img_suffix='.png'),
            [2, 1, 0],
        ),
    ],
    ids=['as they are', 'ignored', 'zero', 'order of classes'],
)
def test_values_mean_what_they_mean_in_labeled_masks(source, expected):
    assert labels(source, unlabeled('ids')) == (expected, expected)


def test_values_of_classes_count_for_both():
    source = labeled(mask_values=[0, 255])
    assert labels(source, unlabeled('masks')) == ([0, 1, 1], [0, 1, 1])
    # Inside wrappers too.
    times = dict(type='RepeatDataset', times=1)
    found = labels(
        dict(times, dataset=source), dict(times, dataset=unlabeled('masks'))
    )
    assert found == ([0, 1, 1], [0, 1, 1])


@pytest.mark.parametrize(
    ('own', 'expected'),
    [
        (dict(label_map={1: 0, 2: 1}), [0, 0, 1]),
        (dict(reduce_zero_label=True), [255, 0, 1]),
        (dict(label_map={}, ignore_index=2), [0, 1, 2]),
    ],
)
def test_what_is_set_for_hidden_masks_counts(own, expected):
    source = labeled(mask_values=[0, 255])
    assert labels(source, unlabeled('ids', **own))[1] == expected


def test_labeled_parts_that_disagree_are_refused():
    other = ids(NAMES, ignored_values=[2])
    parts = [labeled(mask_values=[0, 255]), other]
    source = dict(type='ConcatDataset', datasets=parts)
    with pytest.raises(ValueError, match=r's\[0\] and .*differently'):
        MultiSourceDataset([source, unlabeled('masks')])


def test_ids_of_a_game_are_not_those_of_hidden_masks():
    # 255 and 0 have no class in GTA5.
    game = labeled(type='GTA5Dataset')
    del game['metainfo']
    with pytest.raises(ValueError, match=r'GTA5Dataset.*\[1\].label_map='):
        MultiSourceDataset([game, unlabeled('ids')])
    found = labels(game, unlabeled('ids', label_map={}))
    assert found == ([255, 255, 255], [0, 1, 2])


def test_hidden_masks_are_for_all_unlabeled_datasets_or_none():
    # Processes with and without them would wait for each other for ever.
    without = unlabeled('masks')
    without.update(
        eval_pseudo_labels=False, data_prefix=dict(img_path='other')
    )
    first, second = labeled(mask_values=[0, 255]), unlabeled('masks')
    parts = dict(type='ConcatDataset', datasets=[second, without])
    for sources in ([first, parts], [first, second, without]):
        with pytest.raises(ValueError, match='for all unlabeled datasets or'):
            MultiSourceDataset(sources)


def test_tools_build_the_dataset_without_transforms():
    # tools/dataset_converters/check_dataset.py reads files by itself.
    source = build_source('train', dict(unlabeled('masks'), pipeline=[]))
    assert source[0]['hidden_seg_map_path'].endswith('masks/0.png')
