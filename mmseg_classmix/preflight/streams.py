"""Labeled and unlabeled streams: batches, masks, classes."""

from collections.abc import Iterator

from mmseg_classmix.datasets.multi_source import PLACE
from mmseg_classmix.models.segmentors.supported import needs_edges
from mmseg_classmix.preflight.problem import Problem, Start, check
from mmseg_classmix.preflight.settings import value_of

BATCH = 'train_dataloader.batch_size'
SAMPLER = 'train_dataloader.sampler'


@check('training')
def batch_sizes_agree(start: Start) -> Iterator[Problem]:
    """The loader cuts what the sampler has laid out."""
    loader = value_of(start.cfg, BATCH)
    sampler = value_of(start.cfg, f'{SAMPLER}.batch_size')
    if None not in (loader, sampler) and loader != sampler:
        yield Problem(
            f'{BATCH}={loader}, but {SAMPLER}.batch_size={sampler}',
            'train_dataloader',
            'set both to the same number',
        )


@check('sources', 'model')
def somebody_learns_from_unlabeled_images(start: Start) -> Iterator[Problem]:
    """A plain segmentor would be given images without masks."""
    if len(start.sources) > 1 and start.teacher is None:
        yield Problem(
            f'{PLACE} has {len(start.sources)} sources, labeled and '
            f'unlabeled, but {type(start.model).__name__} learns from masks '
            'only',
            PLACE,
            "set model.type='MeanTeacherSegmentor', or keep datasets[0] and "
            f'{SAMPLER}.source_ratio=[1]',
        )


@check('sources', 'teacher')
def there_is_an_unlabeled_source(start: Start) -> Iterator[Problem]:
    """A mean teacher needs one."""
    if len(start.sources) == 1:
        yield Problem(
            f'{PLACE} has no unlabeled source, but MeanTeacherSegmentor '
            'needs one',
            'train_dataloader.dataset.datasets',
            'add an UnlabeledDataset',
        )


@check('sampler', 'teacher')
def a_batch_can_be_mixed(start: Start) -> Iterator[Problem]:
    """An image is mixed with the next one of the global batch."""
    sampler = start.sampler
    count = sampler.world_size
    unlabeled = sum(sampler.source_counts[1:]) * count
    if 0 < unlabeled < start.teacher.fewest_unlabeled:
        yield Problem(
            'the global batch has 1 unlabeled image, but mixing needs 2 '
            f'({BATCH}={sampler.batch_size}, '
            f'{count} process{"es" if count > 1 else ""})',
            BATCH,
            f'raise {BATCH}, {SAMPLER}.batch_size or the number of processes '
            '(WORLD_SIZE says how many there will be)',
        )


@check('sampler', 'teacher')
def images_have_one_size(start: Start) -> Iterator[Problem]:
    """Processes exchange images."""
    preprocessor = start.teacher.data_preprocessor
    if start.sampler.world_size > 1 and not preprocessor.size:
        yield Problem(
            'with several processes all images must have one size',
            'data_preprocessor',
            'set data_preprocessor.size (and size_divisor=None)',
        )


@check('classes', 'model')
def the_head_has_all_classes(start: Start) -> Iterator[Problem]:
    """Labels beyond the outputs of a head fail late, on a GPU unreadably."""
    number = getattr(start.model, 'num_classes', None)
    if number is not None and len(start.classes) > number:
        part = 'model.segmentor' if start.teacher else 'model'
        yield Problem(
            f'the labeled dataset has {len(start.classes)} classes, but '
            f'decode_head.num_classes={number}',
            f'{part}.decode_head',
            f'set num_classes={len(start.classes)}, or correct the classes '
            'of the dataset',
        )


@check('sources', 'teacher')
def pasted_labels_mean_the_same(start: Start) -> Iterator[Problem]:
    """A number would mean two classes."""
    if 'labeled' not in start.teacher.mix_sources:
        return
    others = start.sources[1:]
    if start.val is not None:
        others = [*others, ('val_dataloader.dataset', start.val)]
    first = list(start.train.metainfo['classes'])
    for place, other in others:
        names = list(other.metainfo.get('classes') or first)
        if names != first:
            yield Problem(
                f'{place} has the classes {names}, but {PLACE}[0], whose '
                f'labels are pasted, has {first}',
                place,
                'give both the same metainfo.classes, and masks with the '
                'same numbers',
            )


@check('samples')
def first_samples_can_be_loaded(start: Start) -> Iterator[Problem]:
    """A pipeline that fails on one image often fails on all."""
    for (place, _), sample in zip(start.sources, start.samples, strict=True):
        if isinstance(sample, Exception):
            yield Problem.of_error(sample, place)


@check('samples')
def labeled_samples_have_masks(start: Start) -> Iterator[Problem]:
    """Their loss needs them, and some heads need edges."""
    sample, place = start.samples[0], f'{PLACE}[0]'
    if isinstance(sample, Exception):
        return
    if 'gt_sem_seg' not in sample['data_samples']:
        yield Problem(
            f'{place} is the labeled source, but its samples have no mask',
            place,
            'add LoadAnnotations to its pipeline',
        )
    elif (
        start.model is not None
        and needs_edges(start.model)
        and 'gt_edge_map' not in sample['data_samples']
    ):
        yield Problem(
            f'{place} is the labeled source, but its samples have no '
            'gt_edge_map, which the decode_head of model.segmentor learns '
            'from',
            place,
            "add dict(type='GenerateEdge', edge_width=4) to its pipeline, "
            'just before PackSegInputs',
        )


@check('samples')
def unlabeled_samples_have_none(start: Start) -> Iterator[Problem]:
    """The segmentor tells the streams apart by their masks."""
    for i, sample in enumerate(start.samples[1:], 1):
        if isinstance(sample, dict) and 'gt_sem_seg' in sample['data_samples']:
            yield Problem(
                f'{PLACE}[{i}] is an unlabeled source, but its samples carry '
                'masks',
                f'{PLACE}[{i}]',
                'take LoadAnnotations out of its pipeline',
            )


@check('sources', 'teacher')
def unlabeled_images_are_not_filled_up(start: Start) -> Iterator[Problem]:
    """Such pixels could not be told from the image."""
    for place, source in start.sources[1:]:
        steps = getattr(getattr(source, 'pipeline', None), 'transforms', ())
        names = {type(step).__name__ for step in steps}
        if fills := sorted(names & {'Pad', 'RandomRotate'}):
            yield Problem(
                f'{place}.pipeline has {", ".join(fills)}: the pixels they '
                'add would be pseudo-labeled',
                place,
                'pad with data_preprocessor.size instead',
            )
