"""Masks that measure pseudo-labels, and train nothing."""

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.dist import get_world_size
from mmseg.registry import TRANSFORMS
from ranks import run_ranks
from support import load, log_lines, tiny_config, train
from torch import distributed

from mmseg_classmix.datasets import UnlabeledDataset
from mmseg_classmix.mixing.batch_mix import ClassMix
from mmseg_classmix.models.losses.unsup_loss import (
    pseudo_label_accuracy,
)

SOURCE = 'train_dataloader.dataset.datasets.1'
EVALUATE = {
    f'{SOURCE}.eval_pseudo_labels': True,
    f'{SOURCE}.data_prefix.seg_map_path': 'masks/unlabeled',
}
GEOMETRY = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomFlip', prob=0.5, direction=['horizontal', 'vertical']),
    dict(type='RandomCrop', crop_size=(20, 24)),
    dict(type='PackSegInputs'),
]


@TRANSFORMS.register_module()
class HiddenRecorder(BaseTransform):
    """Keep mixed batches."""

    batches = []

    def transform(self, batch):
        self.batches.append(batch)
        return batch


def true_class(image):
    """A class that follows from the first channel of a BGR pixel."""
    return (image[..., 0] % 4).astype(np.uint8)


@pytest.fixture
def hidden(own_data):
    """Tiny data with masks of the unlabeled images; class 3 is ignored."""
    folder = own_data / 'masks' / 'unlabeled'
    folder.mkdir()
    for path in (own_data / 'images' / 'unlabeled').glob('*.png'):
        mask = true_class(cv2.imread(str(path)))
        mask[mask == 3] = 255
        cv2.imwrite(str(folder / path.name), mask)
    return own_data


def make(root, **kwargs):
    arguments = dict(
        data_root=str(root),
        data_prefix=dict(
            img_path='images/unlabeled', seg_map_path='masks/unlabeled'
        ),
        eval_pseudo_labels=True,
        pipeline=GEOMETRY,
    )
    return UnlabeledDataset(**{**arguments, **kwargs})


def expected_mask(image):
    mask = true_class(image).astype(np.int64)
    mask[mask == 3] = 255
    return mask


@pytest.mark.parametrize('listed', [False, True])
def test_mask_moves_with_its_image(hidden, listed):
    (hidden / 'list.txt').write_text('im_1.png\nim_4\n')
    dataset = make(hidden, ann_file='list.txt' if listed else '')
    assert len(dataset) == (2 if listed else 6)
    for i in range(len(dataset)):
        for _ in range(4):
            sample = dataset[i]
            mask = sample['data_samples'].hidden_sem_seg.data
            assert mask.dtype == torch.int64
            image = sample['inputs'].permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(mask[0], expected_mask(image))
            assert 'gt_sem_seg' not in sample['data_samples']


def test_mask_is_resized_with_its_image(hidden):
    steps = [GEOMETRY[0], dict(type='Resize', scale=(80, 64)), GEOMETRY[-1]]
    sample = make(hidden, pipeline=steps)[0]
    mask = sample['data_samples'].hidden_sem_seg.data[0].numpy()
    small = cv2.imread(str(hidden / 'masks' / 'unlabeled' / 'im_0.png'), -1)
    np.testing.assert_array_equal(mask, small.repeat(2, 0).repeat(2, 1))


def weights(work_dir):
    return load(work_dir / 'iter_4.pth')['state_dict']


def test_nothing_is_trained_on_hidden_masks(hidden, tmp_path):
    extra = {'model.batch_transforms': [dict(type='CutMix')]}
    train(tmp_path / 'off', **extra)
    train(tmp_path / 'on', **extra, **EVALUATE)
    for path in (hidden / 'masks' / 'unlabeled').glob('*.png'):
        cv2.imwrite(str(path), np.full((32, 40), 1, np.uint8))
    train(tmp_path / 'other', **extra, **EVALUATE)
    off = weights(tmp_path / 'off')
    for name in ('on', 'other'):
        found = weights(tmp_path / name)
        assert found.keys() == off.keys()
        for key, value in found.items():
            assert torch.equal(value, off[key]), (name, key)
    off, on, other = (
        log_lines(tmp_path / name)[:4] for name in ('off', 'on', 'other')
    )
    logged = {'pseudo_label_acc', 'known_confident', 'known_confident_right'}
    assert on[0].keys() - off[0].keys() == {f'unsup.{key}' for key in logged}
    scores, others = (
        [line['unsup.pseudo_label_acc'] for line in lines]
        for lines in (on, other)
    )
    assert all(0 < score < 1 for score in scores)
    assert scores != others


def test_logged_accuracy_is_that_of_the_mixed_labels(hidden, tmp_path):
    HiddenRecorder.batches.clear()
    mixes = [dict(type='ClassMix'), dict(type='HiddenRecorder')]
    padded = (36, 40)
    cfg = tiny_config(tmp_path).data_preprocessor
    train(
        tmp_path,
        **EVALUATE,
        **{
            'model.batch_transforms': mixes,
            'model.unsup_loss.threshold': 0.7,
            'data_preprocessor.size': padded,
            'model.segmentor.data_preprocessor.size': padded,
        },
    )
    assert len(HiddenRecorder.batches) == 4
    for batch, line in zip(
        HiddenRecorder.batches, log_lines(tmp_path)[:4], strict=True
    ):
        # Images are mixed as well: their pixels tell the truth.
        image = batch['img'].permute(0, 2, 3, 1).numpy()
        image = np.round(image * cfg.std + cfg.mean)[..., ::-1]
        truth = expected_mask(image)
        truth[:, 32:] = 255
        np.testing.assert_array_equal(batch['hidden_label'], truth)
        right = batch['pseudo_label'].numpy() == truth
        known = truth != 255
        share = right[known].mean()
        assert line['unsup.pseudo_label_acc'] == pytest.approx(share, abs=1e-4)
        sure = known & (batch['confidence'].numpy() >= 0.7)
        share = sure.sum() / known.sum()
        assert line['unsup.known_confident'] == pytest.approx(share, abs=1e-4)
        share *= right[sure].mean() if sure.any() else 0
        found = line['unsup.known_confident_right']
        assert found == pytest.approx(share, abs=1e-4)


def test_accuracy_by_hand():
    batch = dict(
        pseudo_label=torch.tensor([[[0, 1, 2, 1, 255]]]),
        hidden_label=torch.tensor([[[0, 1, 1, 255, 1]]]),
    )
    valid = torch.tensor([[[True, True, True, True, False]]])
    sure = torch.tensor([[[True, False, True, True, False]]])
    scores = pseudo_label_accuracy(batch, 255, valid, sure)
    assert scores['pseudo_label_acc'].item() == pytest.approx(2 / 3)
    assert scores['known_confident'].item() == pytest.approx(2 / 3)
    assert scores['known_confident_right'].item() == pytest.approx(1 / 3)
    nothing = pseudo_label_accuracy(batch, 255, ~valid & False, sure)
    assert [value.item() for value in nothing.values()] == [0, 0, 0]
    unsure = pseudo_label_accuracy(batch, 255, valid, sure & False)
    found = [value.item() for value in unsure.values()]
    assert found == pytest.approx([2 / 3, 0, 0])
    assert (
        pseudo_label_accuracy(dict(pseudo_label=sure), 255, valid, sure) == {}
    )


def mix_as_rank(rank):
    distributed.init_process_group('gloo')
    assert get_world_size() == 2
    label = torch.arange(2 * 36).view(2, 6, 6) % 4 + 4 * rank
    mixed = ClassMix().transform(
        dict(
            img=label[:, None].float(),
            pseudo_label=label,
            confidence=label.float(),
            hidden_label=label * 100,
            num_classes=8,
            generator=torch.Generator().manual_seed(0),
        )
    )
    foreign = (mixed['pseudo_label'][1] // 4 != rank).any()
    same = (mixed['hidden_label'] == mixed['pseudo_label'] * 100).all()
    return bool(foreign), bool(same)


def test_masks_go_around_the_ring_of_processes():
    assert run_ranks(mix_as_rank) == [(True, True), (True, True)]


def test_a_missing_mask_is_an_error_at_the_start(hidden, tmp_path):
    (hidden / 'masks' / 'unlabeled' / 'im_3.png').unlink()
    with pytest.raises(ValueError, match='hidden mask .*im_3.png'):
        train(tmp_path, **EVALUATE)


@pytest.mark.parametrize(
    ('mask', 'message'),
    [
        (np.full((32, 40), 7, np.uint8), r'im_0.png has the values \[7\]'),
        (np.zeros((30, 40), np.uint8), r'size \(30, 40\), but its image'),
        (np.zeros((32, 40, 3), np.uint8), 'the hidden mask .*im_0.png'),
    ],
    ids=['value', 'size', 'color'],
)
def test_a_wrong_mask_is_named(hidden, tmp_path, mask, message):
    cv2.imwrite(str(hidden / 'masks' / 'unlabeled' / 'im_0.png'), mask)
    with pytest.raises(ValueError, match=message):
        train(tmp_path, **EVALUATE, **{'train_cfg.max_iters': 20})


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(data_prefix=dict(img_path='images/unlabeled')), 'hidden masks'),
        (dict(eval_pseudo_labels=False), 'unlabeled images have no masks'),
        (dict(pipeline=GEOMETRY[1:]), 'begin with LoadImageFromFile'),
        (dict(pipeline=GEOMETRY[:-1]), 'end with PackSegInputs'),
    ],
)
def test_wrong_arguments_are_refused(hidden, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(hidden, **arguments)


def test_transforms_that_leave_the_mask_behind_are_refused(hidden):
    steps = [*GEOMETRY]
    steps[1] = dict(type='mmcv.CenterCrop', crop_size=(8, 8))
    with pytest.raises(ValueError, match=r'has the size .* all seg_fields'):
        make(hidden, pipeline=[steps[0], steps[1], steps[-1]])[0]


def test_a_loader_of_masks_finds_none(hidden):
    steps = [*GEOMETRY[:1], dict(type='LoadAnnotations'), *GEOMETRY[1:]]
    with pytest.raises(KeyError, match='seg_map_path'):
        make(hidden, pipeline=steps)[0]
