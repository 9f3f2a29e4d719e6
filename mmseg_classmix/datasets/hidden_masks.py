"""Masks of unlabeled images: they measure pseudo-labels and train nothing.

They have names of their own all the way (``hidden_seg_map_path``,
``hidden_seg_map``, ``hidden_sem_seg``, ``hidden_label``), so that nothing that
trains on ``gt_sem_seg`` can find them.
"""

import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import BaseDataset, Compose
from mmengine.structures import PixelData
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations, PackSegInputs
from mmseg.registry import TRANSFORMS

from mmseg_classmix.datasets.wrappers import leaves

KEY = 'hidden_seg_map'
Source = tuple[str, BaseDataset]


@TRANSFORMS.register_module()
class LoadHiddenMask(LoadAnnotations):
    """Load a mask under a name of its own.

    Required keys: ``hidden_seg_map_path`` and those of mmseg's
    ``LoadAnnotations``. Added key: ``hidden_seg_map`` (H, W) uint8, also
    named in ``seg_fields``: mmseg's geometric transforms treat it like a
    mask. Arguments are those of ``LoadAnnotations``.
    """

    def transform(self, results: dict) -> dict:
        """Load the mask."""
        path = results[f'{KEY}_path']
        info = dict(results, seg_map_path=path, seg_fields=[])
        results[KEY] = super().transform(info)['gt_seg_map']
        results['seg_fields'].append(KEY)
        return results


@TRANSFORMS.register_module()
class PackHiddenMask(PackSegInputs):
    """Pack a sample with its hidden mask, ``hidden_sem_seg`` (1, H, W) int64.

    Arguments are those of mmseg's ``PackSegInputs``.

    Raises:
        ValueError: If mask and image have different sizes in the end: a
            transform has changed the image alone.
    """

    def transform(self, results: dict) -> dict:
        """Pack image and mask."""
        mask, size = results[KEY], results['img'].shape[:2]
        if mask.shape != size:
            raise ValueError(
                f'the hidden mask has the size {mask.shape} after the '
                f'transforms, its image {size}: eval_pseudo_labels needs '
                "transforms that change all seg_fields, as mmseg's do"
            )
        packed = super().transform(results)
        data = torch.from_numpy(mask[None].astype(np.int64))
        packed['data_samples'].hidden_sem_seg = PixelData(data=data)
        return packed


def load_hidden_masks(pipeline: Compose) -> None:
    """Let a pipeline without masks carry hidden ones; changed in place."""
    steps = pipeline.transforms
    if not steps:
        return
    names = [type(step).__name__ for step in steps]
    if (
        not isinstance(steps[0], LoadImageFromFile)
        or type(steps[-1]) is not PackSegInputs
        or 'Albu' in names
    ):
        raise ValueError(
            f'eval_pseudo_labels=True, but the pipeline {names} does not '
            'begin with LoadImageFromFile and end with PackSegInputs, or has '
            'Albu, which changes gt_seg_map alone'
        )
    steps.insert(1, LoadHiddenMask(backend_args=steps[0].backend_args))
    steps[-1] = PackHiddenMask(meta_keys=steps[-1].meta_keys)


def agree_on_hidden_masks(labeled: Source, others: list[Source]) -> None:
    """Let hidden masks of other sources have the numbers of the labeled."""
    parts = [part for source in others for part in leaves(*source)]
    hidden = [p for p in parts if getattr(p[1], 'eval_pseudo_labels', False)]
    if not hidden:
        return
    without = [part for part in parts if part not in hidden]
    if without:
        # Processes must exchange the same tensors, whatever images they have.
        key, dataset = without[0]
        raise ValueError(
            f'{hidden[0][0]} has eval_pseudo_labels=True, but {key} '
            f'({type(dataset).__name__}) has no hidden masks: set it for '
            'all unlabeled datasets or for none'
        )
    asking = [part for part in hidden if not part[1].maps_values]
    if asking:
        parts = list(leaves(*labeled))
        _check_alike(parts, asking[0][0])
        for _, dataset in asking:
            dataset.read_masks_like(parts[0][1])


def _check_alike(parts: list[Source], asking: str) -> None:
    """Refuse labeled datasets after whose masks others cannot be read."""
    for key, dataset in parts:
        name = f'{key} ({type(dataset).__name__})'
        if _numbers(dataset) != _numbers(parts[0][1]):
            problem = (
                f'{parts[0][0]} and {name} map values differently (classes, '
                'mask_values, reduce_zero_label or ignore_index)'
            )
        elif not _is_stock(dataset):
            problem = f'{name} has a get_label_map for its own files alone'
        else:
            continue
        raise ValueError(
            f'which class is a value of the hidden masks of {asking}? '
            f'{problem}. Set {asking}.label_map=dict(...), class by value; '
            '{} if values are classes'
        )


def _numbers(dataset: BaseDataset) -> tuple:
    names = ('label_map', 'reduce_zero_label', 'ignore_index')
    return tuple(getattr(dataset, name, None) for name in names)


def _is_stock(dataset: BaseDataset) -> bool:
    method = getattr(dataset, 'get_label_map', BaseSegDataset.get_label_map)
    stock = BaseSegDataset.get_label_map.__func__
    return getattr(method, '__func__', None) is stock
