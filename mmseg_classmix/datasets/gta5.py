"""GTA5: rendered street scenes with the classes of Cityscapes."""

from collections.abc import Sequence

from mmseg.datasets import BaseSegDataset, CityscapesDataset
from mmseg.registry import DATASETS

# Label id of every class, in the order of Cityscapes' train ids.
CLASS_IDS = (
    7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33
)  # fmt: skip
#: Label ids that masks have; those of no class are ignored.
NUM_IDS = 35


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
        self,
        img_suffix: str = '.png',
        seg_map_suffix: str = '.png',
        **kwargs,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs
        )

    @classmethod
    def get_label_map(
        cls, new_classes: Sequence[str] | None = None
    ) -> dict[int, int]:
        """Map label ids to the classes that are trained.

        Args:
            new_classes: Names of the classes; all 19 by default.

        Returns:
            Class of every label id, 255 for those without one.
        """
        chosen = super().get_label_map(new_classes)
        label_map = dict.fromkeys(range(NUM_IDS), 255)
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
