"""Columns of a sheet from a batch by hand."""

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_classmix.visualization.training_step import (
    step_columns,
    take_snapshot,
)

PALETTE = [[10, 0, 0], [0, 20, 0], [0, 0, 30]]


def loaded_batch(labeled, unlabeled, size=(4, 6)):
    """Images of one gray each: 0, 1, ..., the labeled ones first."""
    samples, inputs = [], []
    for i in range(labeled + unlabeled):
        sample = SegDataSample(metainfo=dict(img_path=f'/data/{i}.png'))
        if i < labeled:
            sample.gt_sem_seg = PixelData(data=torch.zeros(1, *size))
        samples.append(sample)
        inputs.append(torch.full((3, *size), i, dtype=torch.uint8))
    return dict(inputs=inputs, data_samples=samples)


def mixed_batch(count, size=(4, 6)):
    shape = (count, *size)
    return dict(
        img=torch.zeros(count, 3, *size),
        mask=torch.ones(shape, dtype=torch.bool),
        pseudo_label=torch.ones(shape, dtype=torch.int64),
        confidence=torch.full(shape, 0.5),
        mean=None,
        std=None,
        channel_order='rgb',
    )


def columns(labeled, unlabeled, partners, rows=4):
    logits = torch.zeros(unlabeled, 3, 4, 6)
    seen = take_snapshot(logits, mixed_batch(unlabeled), rows, 256)
    loaded = loaded_batch(labeled, unlabeled)
    found = step_columns(seen, loaded, PALETTE, None, partners)
    return {column.title: column for column in found}


def grays(column):
    return [None if p is None else int(p[0, 0, 0]) for p in column.pictures]


def test_partners_of_a_ring_and_of_a_line():
    found = columns(2, 3, 'ring')
    assert grays(found['image']) == [2, 3, 4]
    assert grays(found['partner']) == [3, 4, 2]
    assert list(found['partner'].captions) == ['3.png', '4.png', '2.png']
    found = columns(2, 3, 'line')
    assert grays(found['partner']) == [3, 4, None]
    # With fewer rows the partner of the last row is there.
    found = columns(2, 3, 'line', rows=2)
    assert grays(found['partner']) == [3, 4]
    assert 'mask (white: image)' in found


def test_labeled_images_are_spread_over_the_unlabeled():
    found = columns(2, 3, 'labeled')
    assert grays(found['labeled image']) == [0, 0, 1]
    assert 'mask (white: labeled image)' in found
    found = columns(3, 2, 'labeled', rows=1)
    assert grays(found['labeled image']) == [0]


def test_unknown_partners_are_left_out():
    found = columns(1, 2, None)
    assert 'partner' not in found
    assert 'labeled image' not in found
    confidence = found['confidence (white: 1)'].pictures
    assert (np.asarray(confidence) == 127).all()


def test_large_images_are_subsampled():
    logits = torch.zeros(1, 3, 40, 60)
    batch = mixed_batch(1, (40, 60))
    batch['img'][..., 1::2] = 200
    seen = take_snapshot(logits, batch, 4, 20)
    assert seen['size'] == (40, 60)
    assert seen['img'].shape == (1, 14, 20, 3)
    assert seen['mask'].shape == (1, 14, 20)
    # Photographs are averaged: the stripes become gray.
    assert (abs(seen['img'].astype(int) - 100) < 40).all()


def test_padding_does_not_count_as_unsure():
    batch = mixed_batch(3)
    batch['confidence'][:, :2] = 0.9
    batch['pseudo_label'][1, 2:] = 255
    batch['pseudo_label'][2] = 255
    seen = take_snapshot(torch.zeros(3, 3, 4, 6), batch, 3, 256)
    found = step_columns(seen, loaded_batch(0, 3), PALETTE, 0.7, None)
    (captions,) = (
        list(column.captions)
        for column in found
        if column.title.startswith('confidence')
    )
    assert captions == ['50% confident', '100% confident', '0% confident']
