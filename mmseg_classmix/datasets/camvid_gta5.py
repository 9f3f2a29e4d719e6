"""Published street scenes that mmseg has no class for."""

from collections.abc import Sequence

from mmengine import fileio
from mmseg.datasets import BaseSegDataset, CityscapesDataset
from mmseg.registry import DATASETS

# Label id of every class, in the order of Cityscapes' train ids.
CLASS_IDS = (
    7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33
)  # fmt: skip


@DATASETS.register_module()
class CamVidDataset(BaseSegDataset):
    """CamVid as distributed with the SegNet tutorial (11 classes).

    Images are ``images/{train,val}/NAME.jpg``, masks
    ``annotations/{train,val}/NAME.png`` with the values 0 to 10 and 255
    (ignored). Source: Brostow, Fauqueur, Cipolla, "Semantic object classes in
    video", 2009.

    Args:
        img_suffix: Suffix of the images.
        seg_map_suffix: Suffix of the masks.
        **kwargs: As for mmseg's ``BaseSegDataset``.

    Raises:
        FileNotFoundError: If the folder of images does not exist.
    """

    METAINFO = dict(
        classes=(
            'sky',
            'building',
            'pole',
            'road',
            'pavement',
            'tree',
            'sign symbol',
            'fence',
            'car',
            'pedestrian',
            'bicyclist',
        ),
        palette=[
            [128, 128, 128],
            [128, 0, 0],
            [192, 192, 128],
            [128, 64, 128],
            [60, 40, 222],
            [128, 128, 0],
            [192, 128, 128],
            [64, 64, 128],
            [64, 0, 128],
            [64, 64, 0],
            [0, 128, 192],
        ],
    )

    def __init__(
        self, img_suffix: str = '.jpg', seg_map_suffix: str = '.png', **kwargs
    ) -> None:
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """List dicts of ``img_path``, ``seg_map_path`` and mmseg's fields."""
        img_dir = self.data_prefix['img_path']
        if not fileio.isdir(img_dir, backend_args=self.backend_args):
            raise FileNotFoundError(
                f'CamVidDataset: no folder {img_dir}: link the data set to '
                'data/camvid, or set data_root and data_prefix'
            )
        return super().load_data_list()


@DATASETS.register_module()
class GTA5Dataset(BaseSegDataset):
    """GTA5 (Richter et al., "Playing for Data", ECCV 2016) as distributed.

    Images are ``images/NAME.png`` (mostly 1914x1052), masks
    ``labels/NAME.png`` with Cityscapes' label ids 0 to 34, which become its 19
    train ids on loading (255 is ignored); nothing has to be converted. Masks
    that were converted before are read by mmseg's ``CityscapesDataset`` with
    ``img_suffix='.png'`` and the ``seg_map_suffix`` of the converter.

    Args:
        img_suffix: Suffix of the images.
        seg_map_suffix: Suffix of the masks.
        **kwargs: As for mmseg's ``BaseSegDataset``.
    """

    METAINFO = CityscapesDataset.METAINFO

    def __init__(
        self, img_suffix: str = '.png', seg_map_suffix: str = '.png', **kwargs
    ) -> None:
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs
        )

    @classmethod
    def get_label_map(
        cls, new_classes: Sequence[str] | None = None
    ) -> dict[int, int]:
        """Map label ids to the classes that are trained, others to 255."""
        chosen = super().get_label_map(new_classes)
        label_map = dict.fromkeys(range(35), 255)
        for train_id, label_id in enumerate(CLASS_IDS):
            label_map[label_id] = chosen[train_id] if chosen else train_id
        return label_map

    def _update_palette(self) -> list:
        """Color the chosen classes: mmseg's way needs train ids in masks."""
        names, palette = self._metainfo['classes'], self._metainfo['palette']
        if len(names) == len(palette):
            return palette
        known = self.METAINFO
        colors = dict(zip(known['classes'], known['palette'], strict=True))
        return [colors[name] for name in names]
