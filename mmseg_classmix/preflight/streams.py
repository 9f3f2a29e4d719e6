"""Check of the labeled and unlabeled streams before training."""

from mmengine.dataset import BaseDataset
from mmengine.runner import Runner

from mmseg_classmix.datasets import MultiSourceDataset, MultiSourceSampler
from mmseg_classmix.datasets.multi_source import Draw
from mmseg_classmix.distributed.unwrap import unwrap
from mmseg_classmix.models.segmentors.supported import needs_edges


def check_streams(runner: Runner) -> None:
    """Load the first sample of every source and check what it is.

    A loader with another sampler than :class:`MultiSourceSampler` is not
    looked at; the segmentor checks its batches.

    Args:
        runner: Runner whose train loop is built.

    Raises:
        ValueError: If the first source has no masks, or no edges that a head
            needs, another one has masks,
            there is no unlabeled source, sampler and loader disagree about
            the batch size, or the global batch has one unlabeled image; if
            images may differ in size over processes, an unlabeled pipeline
            adds pixels, or the head has fewer classes than the dataset; if
            labeled images are pasted on others, and those, or the validation
            images, have other classes.
    """
    loader = runner.train_dataloader
    sampler = loader.sampler
    if not isinstance(sampler, MultiSourceSampler):
        return
    if loader.batch_size != sampler.batch_size:
        raise ValueError(
            f'train_dataloader.batch_size={loader.batch_size}, but '
            f'train_dataloader.sampler.batch_size={sampler.batch_size}: set '
            'both to the same number'
        )
    model = unwrap(runner.model)
    if sampler.world_size > 1 and not model.data_preprocessor.size:
        raise ValueError(
            'with several processes all images must have one size: set '
            'data_preprocessor.size (and size_divisor=None)'
        )
    dataset = sampler.dataset
    classes = dataset.metainfo.get('classes') or ()
    if len(classes) > model.num_classes:
        raise ValueError(
            f'the labeled dataset has {len(classes)} classes, but '
            f'decode_head.num_classes={model.num_classes} of model.segmentor'
        )
    if 'labeled' in model.mix_sources:
        _check_class_names(runner, dataset)
    for i, offset in enumerate(sampler.offsets):
        sample = dataset[Draw(offset, (sampler.seed, i, 0))]
        has_mask = 'gt_sem_seg' in sample['data_samples']
        place = f'train_dataloader.dataset.datasets[{i}]'
        if i == 0 and not has_mask:
            raise ValueError(
                f'{place} is the labeled source, but its samples have no '
                'mask: add LoadAnnotations to its pipeline'
            )
        if i == 0 and needs_edges(model):
            _check_edges(place, sample)
        if i > 0 and has_mask:
            raise ValueError(
                f'{place} is an unlabeled source, but its samples carry '
                'masks: take LoadAnnotations out of its pipeline'
            )
        if i > 0:
            _check_no_fill(place, dataset.datasets[i])
    if len(sampler.offsets) == 1:
        raise ValueError(
            'train_dataloader.dataset.datasets has no unlabeled source, but '
            'MeanTeacherSegmentor needs one: add an UnlabeledDataset'
        )
    unlabeled = sum(sampler.source_counts[1:]) * sampler.world_size
    if unlabeled < model.fewest_unlabeled:
        raise ValueError(
            'the global batch has 1 unlabeled image, but mixing needs 2: '
            f'raise train_dataloader.batch_size={loader.batch_size}, '
            'train_dataloader.sampler.batch_size or the number of processes'
        )


def _check_edges(place: str, sample: dict) -> None:
    if 'gt_edge_map' not in sample['data_samples']:
        raise ValueError(
            f'{place} is the labeled source, but its samples have no '
            'gt_edge_map, which the decode_head of model.segmentor learns '
            "from: add dict(type='GenerateEdge', edge_width=4) to its "
            'pipeline, just before PackSegInputs'
        )


def _check_class_names(runner: Runner, dataset: MultiSourceDataset) -> None:
    """Refuse class names that differ: a number would mean two classes."""
    train = 'train_dataloader.dataset.datasets'
    others = {
        f'{train}[{i}]': source
        for i, source in enumerate(dataset.datasets[1:], 1)
    }
    if runner.val_loop is not None:
        others['val_dataloader.dataset'] = runner.val_dataloader.dataset
    first = list(dataset.metainfo['classes'])
    for place, other in others.items():
        names = list(other.metainfo.get('classes') or first)
        if names != first:
            raise ValueError(
                f'{place} has the classes {names}, but {train}[0], whose '
                f'labels are pasted, has {first}: give both the same '
                'metainfo.classes, and masks with the same numbers'
            )


def _check_no_fill(place: str, source: BaseDataset) -> None:
    """Refuse transforms whose fill could not be told from the image."""
    steps = getattr(getattr(source, 'pipeline', None), 'transforms', ())
    fills = {type(step).__name__ for step in steps} & {'Pad', 'RandomRotate'}
    if fills:
        raise ValueError(
            f'{place}.pipeline has {", ".join(sorted(fills))}: the pixels '
            'they add would be pseudo-labeled. Pad with '
            'data_preprocessor.size instead'
        )
