import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS
from support import CLASSMIX
from torch.utils.data import DataLoader

from mmseg_classmix.datasets import MultiSourceSampler


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
    stream(0)
    # DataLoader itself draws one seed from torch.
    assert np.random.rand() == expected[0]


def test_classes_are_those_of_the_labeled_source(tiny_data):
    cfg = Config.fromfile(str(CLASSMIX))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    assert dataset.metainfo['classes'] == ('ground', 'box', 'disk')
