"""Images with masks, in two folders."""

import os.path as osp
from collections.abc import Sequence

import numpy as np
from mmseg.registry import DATASETS

from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    ImageDataset,
    NamesInFolders,
    as_tuple,
    without_suffix,
)

# No class: checked pipelines refuse it.
REFUSED = 254


@DATASETS.register_module()
class LabeledDataset(ImageDataset):
    """A folder of images and a folder of masks, by the same names.

    The mask of ``street/a.JPG`` is ``street/a.png`` in the folder of masks.

    Args:
        data_root: Root of ``data_prefix`` and ``ann_file``.
        data_prefix: ``dict(img_path=FOLDER, seg_map_path=FOLDER)``, searched
            recursively.
        ann_file: Optional list of images, as for ``UnlabeledDataset``.
        img_suffix: Suffixes of images, compared without regard to case; with
            ``'_sat.jpg'`` the mask of ``a_sat.jpg`` is ``a.png``.
        seg_map_suffix: What follows the name in a mask's, such as
            ``'_mask.png'``; of several the one that exists.
        mask_values: Value in the masks of each class, in the order of the
            classes, such as ``[0, 255]``; None for 0, 1, 2, ...
        ignored_values: Values in the masks that are ignored beside
            ``ignore_index``, such as ``[0]``.
        metainfo: ``dict(classes=(NAME, ...))``; colors are made up unless
            ``palette`` has them.
        **kwargs: As for mmseg's ``BaseSegDataset``.

    Raises:
        FileNotFoundError: If the folder, the list or a listed image does not
            exist, or a link in the folder leads nowhere.
        ValueError: If there is no image, a folder is not given, a name may
            mean several images or masks, or the values do not fit the
            classes.
    """

    def __init__(
        self,
        data_root: str | None = None,
        data_prefix: dict | None = None,
        ann_file: str = '',
        img_suffix: str | Sequence[str] = IMG_SUFFIXES,
        seg_map_suffix: str | Sequence[str] = '.png',
        mask_values: Sequence[int] | None = None,
        ignored_values: Sequence[int] = (),
        metainfo: dict | None = None,
        **kwargs,
    ) -> None:
        data_prefix = dict(data_prefix or {})
        if set(data_prefix) != {'img_path', 'seg_map_path'}:
            raise ValueError(
                'LabeledDataset: data_prefix must be dict(img_path=..., '
                f'seg_map_path=...), but got {data_prefix}'
            )
        self.mask_values, self.ignored_values = mask_values, ignored_values
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix,
            ann_file=ann_file,
            img_suffix=as_tuple(img_suffix),
            seg_map_suffix=as_tuple(seg_map_suffix),
            metainfo=metainfo,
            **kwargs,
        )
        classes = self._metainfo.get('classes') or ()
        if 'palette' not in (metainfo or {}):
            self._metainfo['palette'] = distinct_colors(len(classes))

    def load_data_list(self) -> list[dict]:
        """List dicts of ``img_path``, ``seg_map_path`` and mmseg's fields."""
        self.label_map = label_map(
            self.mask_values,
            self.ignored_values,
            len(self._metainfo.get('classes') or ()),
            self.ignore_index,
        )
        prefix = self.data_prefix
        masks = NamesInFolders(prefix['seg_map_path'], self.seg_map_suffix)
        return [
            dict(
                img_path=osp.join(prefix['img_path'], name),
                seg_map_path=self._mask_of(name, masks),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for name in self.image_names()
        ]

    def _mask_of(self, name: str, masks: NamesInFolders) -> str:
        stem = without_suffix(name, self.img_suffix)
        several = len(self.seg_map_suffix) > 1
        found = masks.matches(stem) if several else []
        if len(found) > 1:
            raise ValueError(
                f'LabeledDataset: the mask of {name!r} may be '
                f'{" or ".join(found)} in {masks.folder}: remove one, or '
                'set seg_map_suffix to one'
            )
        # One that is missing is reported with all others.
        mask = found[0] if found else stem + self.seg_map_suffix[0]
        return osp.join(masks.folder, mask)


def label_map(
    mask_values: Sequence[int] | None,
    ignored_values: Sequence[int],
    num_classes: int,
    ignore_index: int = 255,
) -> dict[int, int] | None:
    """Say which label each value of a mask becomes; None if nothing changes.

    Values that would be taken for a class, but are none, become 254, which is
    refused. The arguments are those of :class:`LabeledDataset`.
    """
    if mask_values is None and not ignored_values:
        return None
    values = list(range(num_classes) if mask_values is None else mask_values)
    known = [*values, *ignored_values]
    if len(values) != num_classes or len(set(known)) < len(known):
        raise ValueError(
            f'LabeledDataset: mask_values={mask_values} and ignored_values='
            f'{ignored_values} must have one value for each of the '
            f'{num_classes} classes, and no value twice'
        )
    labels = dict.fromkeys(range(num_classes), REFUSED)
    labels |= {value: i for i, value in enumerate(values)}
    labels |= dict.fromkeys(ignored_values, ignore_index)
    return {k: v for k, v in labels.items() if k != v} or None


def distinct_colors(number: int) -> list[list[int]]:
    """Make RGB colors in [0, 255] that are told apart easily.

    The 20 of matplotlib's 'tab20', and beyond that hues at equal distances,
    alternately light and dark.
    """
    # Here, because importing it takes a while and colors are seldom needed.
    from matplotlib import colormaps
    from matplotlib.colors import hsv_to_rgb

    if number <= 20:
        # Strong colors first, then their light versions.
        order = [*range(0, 20, 2), *range(1, 20, 2)]
        colors = np.array(colormaps['tab20'].colors)[order[:number]]
    else:
        i = np.arange(number)
        hsv = np.stack([i / number, 1 - i % 2 * 0.4, 1 - i % 3 * 0.25], 1)
        colors = hsv_to_rgb(hsv)
    return np.rint(255 * colors).astype(int).tolist()
