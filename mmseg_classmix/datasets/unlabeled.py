"""Images without masks."""

import os.path as osp
import pickle
from collections.abc import Callable, Sequence

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_classmix.datasets.hidden_masks import load_hidden_masks
from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    ImageDataset,
    as_tuple,
    without_suffix,
)


@DATASETS.register_module()
class UnlabeledDataset(ImageDataset):
    """A folder of images, or a list of their names; no masks are read.

    Args:
        data_root: Root of ``data_prefix`` and ``ann_file``.
        data_prefix: ``dict(img_path=FOLDER)``; searched recursively, except
            for what starts with a dot. May be left out if ``ann_file`` lists
            whole paths.
        ann_file: Optional text file (UTF-8) with one image a line, relative
            to ``img_path``, with or without the suffix. Blank lines count
            for nothing. Without it all images of the folder are taken.
        img_suffix: Suffixes of images, compared without regard to case; a
            name without suffix gets them as they are written here.
        eval_pseudo_labels: Whether masks, in the folder
            ``data_prefix.seg_map_path``, measure the pseudo-labels. Samples
            have them as ``hidden_sem_seg``, which no loss reads.
        label_map: Label of each value in these masks that is not the label
            itself, such as ``{255: 1}``. By default ``MultiSourceDataset``
            takes that of the labeled dataset, ``reduce_zero_label`` and
            ``ignore_index`` included; ``{}`` changes nothing.
        **kwargs: As for mmseg's ``BaseSegDataset``, such as
            ``seg_map_suffix`` (hidden masks).

    Raises:
        FileNotFoundError: If the folder, the list or a listed image does not
            exist, or a link in the folder leads nowhere.
        ValueError: If there is no image, a folder of masks is given without
            ``eval_pseudo_labels`` or missing with it, links lead to a folder
            twice, or a listed name may mean several images.
    """

    def __init__(
        self,
        data_root: str | None = None,
        data_prefix: dict | None = None,
        ann_file: str = '',
        img_suffix: str | Sequence[str] = IMG_SUFFIXES,
        eval_pseudo_labels: bool = False,
        label_map: dict[int, int] | None = None,
        **kwargs,
    ) -> None:
        data_prefix = dict(data_prefix or dict(img_path=''))
        _check_prefix(data_prefix, eval_pseudo_labels)
        self.eval_pseudo_labels = eval_pseudo_labels
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix,
            ann_file=ann_file,
            img_suffix=as_tuple(img_suffix),
            **kwargs,
        )
        if label_map is not None:
            self.label_map = label_map
        if eval_pseudo_labels:
            load_hidden_masks(self.pipeline)

    def load_data_list(self) -> Sequence[dict]:
        """List dicts of ``img_path``, ``seg_fields``, made when asked for."""
        return _Infos(self.image_names(), self._info)

    def get_data_info(self, idx: int) -> dict:
        """Say of an image how its mask is read, which may change."""
        return dict(
            super().get_data_info(idx),
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
        )

    @property
    def maps_values(self) -> bool:
        """Whether it is set here which class a value of a mask is."""
        return self.label_map is not None or self.reduce_zero_label

    def read_masks_like(self, labeled: BaseSegDataset) -> None:
        """Read masks as those of a dataset are read, of the same values."""
        for name in ('label_map', 'reduce_zero_label', 'ignore_index'):
            if hasattr(labeled, name):
                setattr(self, name, getattr(labeled, name))

    def _info(self, name: str) -> dict:
        path = osp.join(self.data_prefix['img_path'], name)
        info = dict(img_path=path, seg_fields=[])
        if self.eval_pseudo_labels:
            mask = without_suffix(name, self.img_suffix) + self.seg_map_suffix
            folder = self.data_prefix['seg_map_path']
            info['hidden_seg_map_path'] = osp.join(folder, mask)
        return info

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Do what mmengine does, without an array for each image."""
        data, ends = bytearray(), np.empty(len(self.data_list), np.int64)
        for i, info in enumerate(self.data_list):
            data += pickle.dumps(info, protocol=4)
            ends[i] = len(data)
        self.data_list.clear()
        return np.frombuffer(data, np.uint8), ends


def _check_prefix(data_prefix: dict, eval_pseudo_labels: bool) -> None:
    keys = {'img_path', 'seg_map_path'} if eval_pseudo_labels else {'img_path'}
    if set(data_prefix) == keys:
        return
    needed = ', '.join(f'{key}=...' for key in sorted(keys))
    why = (
        'eval_pseudo_labels=True needs the folder of the hidden masks'
        if eval_pseudo_labels
        else 'unlabeled images have no masks (eval_pseudo_labels=True reads '
        'them to measure the pseudo-labels only)'
    )
    raise ValueError(
        f'UnlabeledDataset: data_prefix must be dict({needed}), '
        f'but got {data_prefix}; {why}'
    )


class _Infos(Sequence):
    """A list of dicts that are made from names when they are asked for."""

    def __init__(self, names: list[str], make: Callable) -> None:
        self.names = names
        self.make = make

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int | slice) -> dict | list[dict]:
        if isinstance(index, slice):
            return [self.make(name) for name in self.names[index]]
        return self.make(self.names[index])

    def clear(self) -> None:
        """Forget the names, as ``list.clear`` does."""
        self.names = []
