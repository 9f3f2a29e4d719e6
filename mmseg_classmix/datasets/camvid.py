"""CamVid: street scenes, 11 classes."""

from mmengine import fileio
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS


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
        self,
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        **kwargs,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """List the images and masks.

        Returns:
            Dicts with ``img_path``, ``seg_map_path`` and mmseg's fields.
        """
        img_dir = self.data_prefix['img_path']
        if not fileio.isdir(img_dir, backend_args=self.backend_args):
            raise FileNotFoundError(
                f'CamVidDataset: no folder {img_dir}: link the data set to '
                'data/camvid, or set data_root and data_prefix'
            )
        return super().load_data_list()
