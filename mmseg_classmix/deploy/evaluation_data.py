"""What a config says about the images that its network is tested on."""

from copy import deepcopy

from mmengine.config import Config, ConfigDict
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_classmix.datasets.wrappers import leaf_configs

# They need masks, or are for measuring: an image alone goes without.
FOR_MASKS = (
    'LoadAnnotations',
    'LoadDepthAnnotation',
    'LoadOneDLAnnotations',
    'EvaluateAt',
)


def evaluation_loader(cfg: Config) -> ConfigDict:
    """Find ``test_dataloader``, or else ``val_dataloader``."""
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader')
    if not loader:
        raise ValueError(
            f'{cfg.filename} has neither test_dataloader nor val_dataloader: '
            'they say how images are prepared and what the classes are '
            'called; give a config with one of them'
        )
    return loader


def evaluation_dataset(cfg: Config) -> ConfigDict:
    """Copy the config of the test data, without wrappers."""
    _, dataset = next(leaf_configs('', evaluation_loader(cfg).dataset))
    return deepcopy(dataset)


def without(pipeline: list, names: tuple[str, ...]) -> list:
    """Copy a pipeline without some types, and without lists of only these."""
    kept = []
    for step in deepcopy(pipeline):
        if isinstance(step, list | tuple):
            step = without(step, names)
            if not step:
                continue
        elif type_name(step) in names:
            continue
        elif 'transforms' in step:
            step['transforms'] = without(step['transforms'], names)
        kept.append(step)
    return kept


def type_name(cfg: dict) -> str:
    """Name the type of a config, which may be a class."""
    kind = cfg.get('type', '')
    return kind if isinstance(kind, str) else kind.__name__


def inference_pipeline(cfg: Config) -> list:
    """Take the transforms of the test pipeline that need no mask."""
    return without(evaluation_dataset(cfg).pipeline, FOR_MASKS)


def dataset_without_files(cfg: dict) -> BaseSegDataset:
    """Build a dataset without its files, for what it says about itself."""
    arguments = dict(cfg, lazy_init=True, pipeline=[], test_mode=False)
    arguments.pop('_scope_', None)
    kind = arguments.pop('type')
    if isinstance(kind, str):
        # The error of an unknown name is mmengine's.
        kind = DATASETS.get(kind) or DATASETS.build(cfg)
    dataset = kind.__new__(kind)
    try:
        dataset.__init__(**arguments)
    # PascalVOCDataset, for one, looks for its files at the end of __init__.
    except AssertionError:
        if 'reduce_zero_label' not in getattr(dataset, '_metainfo', {}):
            raise
    return dataset


def dataset_meta(cfg: Config, num_classes: int) -> dict:
    """Ask the test data for its classes; no file of it is needed.

    Args:
        cfg: Config of a training, or an exported one.
        num_classes: Number of classes of the network.

    Returns:
        ``classes``, ``palette`` (one RGB color a class), ``label_map`` (dict
        or None) and ``reduce_zero_label`` of the dataset.

    Raises:
        ValueError: If the dataset has another number of classes.
    """
    source = evaluation_dataset(cfg)
    meta = dataset_without_files(source).metainfo
    classes = meta.get('classes') or ()
    if len(classes) != num_classes:
        raise ValueError(
            f'the network has {num_classes} classes, but the test data '
            f'({type_name(source)}) has {len(classes)}: set '
            'test_dataloader.dataset.metainfo=dict(classes=..., palette=...) '
            'in the config'
        )
    return dict(
        classes=tuple(classes),
        palette=[[int(value) for value in color] for color in meta['palette']],
        label_map=meta.get('label_map'),
        reduce_zero_label=bool(meta.get('reduce_zero_label')),
    )
