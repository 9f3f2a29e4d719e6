"""Mixes of labeled samples, through mmseg's own wrapper."""

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS, TRANSFORMS
from ranks import run_ranks
from support import SUPERVISED, tiny_config

import mmseg_classmix.mixing.masks as masks
from mmseg_classmix.datasets.multi_source import Draw
from mmseg_classmix.preflight.data import files_are_there
from mmseg_classmix.preflight.problem import Start

MIXES = {
    'ClassMix': dict(type='ClassMix'),
    'CutMix': dict(type='CutMix'),
    'CowMix': dict(type='CowMix', sigma=(1, 3)),
}
# With these no sample is its own partner.
SEEDS = (0, 1, 2, 7)
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


def sample_mix(mix='ClassMix', prob=1.0):
    return dict(type='SampleMix', mix=MIXES[mix], prob=prob)


def tiny_source(pipeline=LOAD, **changes):
    """Four images of 32x40, classes 0, 1, 2 and ignored rows."""
    cfg = tiny_config('unused', SUPERVISED).labeled
    cfg.update(pipeline=pipeline, **changes)
    return cfg


def wrapped(*steps, pipeline=LOAD, **changes):
    return dict(
        type='MultiImageMixDataset',
        dataset=tiny_source(pipeline, **changes),
        pipeline=list(steps),
    )


def seed(number):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def read(root, name):
    """An image and its mask, straight from the files."""
    image = cv2.imread(str(root / 'images' / 'train' / name))
    mask = cv2.imread(str(root / 'masks' / 'train' / name), -1)
    return image, mask


def explain(sample, image, root):
    """Explain every pixel by the sample itself or one other sample.

    Returns where the two differ, where the sample has kept its pixels, and
    its partner's mask.
    """
    for name in ('im_0.png', 'im_1.png', 'im_2.png', 'im_3.png'):
        other, other_label = read(root, name)
        own = (sample['img'] == image).all(-1)
        theirs = (sample['img'] == other).all(-1)
        if (own | theirs).all() and not own.all():
            return own ^ theirs, own, other_label
    raise AssertionError('pixels of no sample, or of no other one')


@pytest.mark.parametrize('name', MIXES)
def test_every_pixel_and_its_label_come_from_one_of_two_samples(
    name, tiny_data
):
    dataset = DATASETS.build(wrapped(sample_mix(name)))
    for i in range(4):
        image, label = read(tiny_data, f'im_{i}.png')
        seed(SEEDS[i])
        sample = dataset[i]
        assert Path(sample['img_path']).name == f'im_{i}.png'
        assert sample['img'].dtype == np.uint8
        assert 'mix_results' not in sample
        known, own, other_label = explain(sample, image, tiny_data)
        expected = np.where(own, label, other_label)
        np.testing.assert_array_equal(
            sample['gt_seg_map'][known], expected[known]
        )
        if name == 'ClassMix':
            kept = set(label[own & known].tolist())
            # One of the three classes, and never an ignored pixel.
            assert len(kept) == 1
            assert kept <= {0, 1, 2}
            np.testing.assert_array_equal(
                own[known], np.isin(label, [*kept])[known]
            )


def results(size, value, label, **more):
    """A loaded sample: all pixels alike."""
    shape = tuple(size)
    return dict(
        img=np.full((*shape, 3), value, np.uint8),
        gt_seg_map=np.array(label, np.uint8),
        seg_fields=['gt_seg_map', *more],
        **more,
    )


def mixed(first, second, mix='ClassMix', number=0):
    seed(number)
    transform = TRANSFORMS.build(sample_mix(mix))
    return transform(dict(first, mix_results=[second]))


def test_samples_of_two_sizes_meet_at_their_corner():
    for number in range(4):
        check_two_sizes(number)


def check_two_sizes(number):
    first = results((3, 4), 10, [[0, 0, 1, 1]] * 3)
    second = results((2, 6), 20, [[2] * 6] * 2)
    out = mixed(first, second, number=number)
    assert out['img'].shape == (3, 4, 3)
    (kept,) = set(out['gt_seg_map'][:2].ravel().tolist()) - {2}
    expected = np.array([[0, 0, 1, 1]] * 3)
    expected[:2][expected[:2] != kept] = 2
    np.testing.assert_array_equal(out['gt_seg_map'], expected)
    np.testing.assert_array_equal(
        out['img'][..., 0], np.where(expected == 2, 20, 10)
    )
    # What was loaded is not written to: a data set may cache it.
    assert (first['img'] == 10).all()


def test_all_fields_of_a_sample_are_mixed_alike():
    depth = np.full((4, 4), 0.5, np.float32)
    first = results((4, 4), 10, np.arange(4).repeat(4).reshape(4, 4))
    second = results((4, 4), 20, np.full((4, 4), 9))
    for sample, factor in ((first, 1), (second, 3)):
        sample['gt_depth_map'] = depth * factor
        sample['seg_fields'].append('gt_depth_map')
    out = mixed(first, second, 'CowMix')
    pasted = out['gt_seg_map'] == 9
    assert 0 < pasted.mean() < 1
    np.testing.assert_array_equal(
        out['gt_depth_map'], np.where(pasted, 1.5, 0.5)
    )
    np.testing.assert_array_equal(out['img'][..., 1], 10 + 10 * pasted)


def test_ignored_pixels_are_never_kept_by_class_and_come_along_by_box():
    label = np.zeros((8, 8))
    label[:, 4:] = 255
    label[4:, :4] = 1
    first = results((8, 8), 10, label)
    second = results((8, 8), 20, np.full((8, 8), 255))
    for number in range(10):
        out = mixed(first, second, number=number)
        kept = out['img'][..., 0] == 10
        assert not (kept & (label == 255)).any()
        assert (out['gt_seg_map'][~kept] == 255).all()
    out = mixed(first, second, 'CutMix')
    kept = out['img'][..., 0] == 10
    assert (kept & (out['gt_seg_map'] == 255)).any()


def test_the_zero_label_is_taken_away_before(tiny_data):
    """LoadAnnotations makes 255, 0, 1 of the classes 0, 1, 2."""
    metainfo = dict(classes=('box', 'disk'), palette=[[0] * 3, [9] * 3])
    dataset = DATASETS.build(
        wrapped(sample_mix(), reduce_zero_label=True, metainfo=metainfo)
    )
    for i in range(4):
        image, label = read(tiny_data, f'im_{i}.png')
        sample = dataset[i]
        own = (sample['img'] == image).all(-1)
        reduced = np.where(label % 255 == 0, 255, label - 1)
        assert set(np.unique(sample['gt_seg_map'])) <= {0, 1, 255}
        same = sample['gt_seg_map'] == reduced
        assert same[own & (label == 0)].all()


def test_probability_decides_and_loads_no_partner_in_vain(tiny_data):
    dataset = DATASETS.build(wrapped(sample_mix(prob=0.25)))
    step = dataset.pipeline[0]
    seed(0)
    drawn = [step.get_indices(dataset.dataset) for _ in range(4000)]
    assert {len(indices) for indices in drawn} == {0, 1}
    share = sum(map(len, drawn)) / len(drawn)
    assert abs(share - 0.25) < 0.03
    partners = [indices[0] for indices in drawn if indices]
    counts = np.bincount(partners, minlength=4) / len(partners)
    assert np.abs(counts - 0.25).max() < 0.06
    never = DATASETS.build(wrapped(sample_mix(prob=0.0)))
    for i in range(4):
        image, label = read(tiny_data, f'im_{i}.png')
        np.testing.assert_array_equal(never[i]['img'], image)
        np.testing.assert_array_equal(never[i]['gt_seg_map'], label)


def build_multi_source(*datasets):
    return DATASETS.build(
        dict(type='MultiSourceDataset', datasets=list(datasets))
    )


def draw_two(rank=0):
    dataset = build_multi_source(
        wrapped(sample_mix('CowMix'), dict(type='PackSegInputs'))
    )
    return [dataset[Draw(1, (7, 0, n))]['inputs'].numpy() for n in (0, 1)]


def test_a_draw_decides_the_mix_whoever_makes_it():
    """Another process, and one with ranks, as with num_workers=0."""

    def work(rank):
        import torch.distributed as dist

        dist.init_process_group('gloo')
        return draw_two()

    first = draw_two()
    seed(99)
    for again in (draw_two(), *run_ranks(work)):
        assert not isinstance(again, Exception), again
        np.testing.assert_array_equal(again, first)
    assert (first[0] != first[1]).any()


def test_errors_name_the_place_inside_the_wrapper(own_data):
    mask = own_data / 'masks' / 'train' / 'im_1.png'
    pixels = cv2.imread(str(mask), -1)
    pixels[-1, -1] = 77
    cv2.imwrite(str(mask), pixels)
    dataset = build_multi_source(wrapped(sample_mix(prob=0.0)))
    with pytest.raises(ValueError, match=r'im_1.png.*\[77\].*\[0\]\.dataset'):
        dataset[1]
    mask.unlink()
    start = Start(train=build_multi_source(wrapped(sample_mix())))
    (problem,) = files_are_there(start)
    assert problem.where.endswith('datasets[0].dataset')
    assert 'im_1.png' in problem.found
    with pytest.raises(ValueError, match=r'datasets\[0\]\.pipeline\[0\]'):
        build_multi_source(wrapped(sample_mix(prob=2)))


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (dict(mix=dict(type='ClassMix'), prob=1.5), 'prob=1.5'),
        (dict(mix=dict(type='PackSegInputs')), 'must be a mix'),
        (dict(mix=dict(type='CutMix', source='labeled')), "leave out 'source"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        TRANSFORMS.build(dict(type='SampleMix', **arguments))


def test_a_sample_without_a_partner_is_refused(own_data):
    dataset = DATASETS.build(tiny_source([*LOAD, sample_mix()]))
    with pytest.raises(ValueError, match='MultiImageMixDataset'):
        dataset[0]
    (own_data / 'one.txt').write_text('im_0\n')
    dataset = DATASETS.build(wrapped(sample_mix(), ann_file='one.txt'))
    with pytest.raises(ValueError, match='needs a partner'):
        dataset[0]


def test_masks_of_a_sample_are_those_of_the_batch_mix():
    """One mechanism: the pure functions decide."""
    label = np.random.default_rng(0).integers(0, 5, (6, 7))
    first = results((6, 7), 10, label)
    second = results((6, 7), 20, np.full((6, 7), 9))
    out = mixed(first, second, number=3)
    seed(3)
    expected = masks.class_mask(torch.from_numpy(label)[None], 5)[0]
    np.testing.assert_array_equal(out['img'][..., 0] == 10, expected)
