import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS
from support import CLASSMIX
from torch.utils.data import DataLoader

from mmseg_classmix.datasets import MultiSourceSampler
from mmseg_classmix.datasets.multi_source import Draw


def stream(num_workers, batches=6):
    """Images of the first batches of the tiny semi-supervised config."""
    cfg = Config.fromfile(str(CLASSMIX))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    sampler = MultiSourceSampler(dataset, 4, [1, 1], seed=0)
    loader = DataLoader(
        dataset,
        4,
        sampler=sampler,
        num_workers=num_workers,
        collate_fn=lambda samples: torch.stack([s['inputs'] for s in samples]),
    )
    return [batch for _, batch in zip(range(batches), loader, strict=False)]


def test_augmentation_does_not_depend_on_the_workers(tiny_data):
    np.random.seed(1)
    first = stream(0)
    np.random.seed(2)
    for batches in (stream(0), stream(1), stream(2)):
        assert all(
            torch.equal(a, b) for a, b in zip(first, batches, strict=True)
        )


def test_one_image_is_augmented_in_several_ways(tiny_data):
    images = [image for batch in stream(0, 24) for image in batch[:2]]
    # 4 labeled images, each as it is and flipped.
    assert len({image.numpy().tobytes() for image in images}) == 8


def test_loading_leaves_the_global_random_numbers_alone(tiny_data):
    np.random.seed(3)
    torch.manual_seed(3)
    expected = np.random.rand(), torch.rand(1).item()
    np.random.seed(3)
    torch.manual_seed(3)
    cfg = Config.fromfile(str(CLASSMIX))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    for i in range(4):
        dataset[Draw(i, (0, 0, i))]
    assert (np.random.rand(), torch.rand(1).item()) == expected


def test_classes_are_those_of_the_labeled_source(tiny_data):
    cfg = Config.fromfile(str(CLASSMIX))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    assert dataset.metainfo['classes'] == ('ground', 'box', 'disk')


@pytest.mark.parametrize('kind', ['ConcatDataset', 'RepeatDataset'])
def test_labeled_source_may_be_wrapped(tiny_data, kind):
    cfg = Config.fromfile(str(CLASSMIX)).train_dataloader.dataset
    labeled, unlabeled = cfg.datasets
    wrapped = {
        'ConcatDataset': dict(type=kind, datasets=[labeled, labeled]),
        'RepeatDataset': dict(type=kind, dataset=labeled, times=2),
    }[kind]
    cfg.datasets = [wrapped, unlabeled]
    dataset = DATASETS.build(cfg)
    sampler = MultiSourceSampler(dataset, 4, [1, 1], seed=0)
    assert [len(d) for d in dataset.datasets] == [8, 6]
    samples = [dataset[i] for _, i in zip(range(4), sampler, strict=False)]
    assert ['gt_sem_seg' in s['data_samples'] for s in samples] == [
        True,
        True,
        False,
        False,
    ]
