"""What is trained with masks, without, and evaluated, and where it is."""

from dataclasses import dataclass, field

import numpy as np

from mmseg_classmix.datasets.file_check import FileReport
from mmseg_classmix.new_project.mask_values import MaskValues, share_of_classes
from mmseg_classmix.new_project.pairs import Pairs

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabeledImage:
    """An image with a mask.

    Attributes:
        name: Path below its folder.
        path: Whole path.
        digest: SHA-256 of the file.
    """

    name: str
    path: str
    digest: str


@dataclass
class Stream:
    """Images of one stream, and what was left out of it.

    Attributes:
        names: Paths below the folder of the stream.
        left_out: Names by reason.
    """

    names: list[str]
    left_out: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What the user has said about the data; see tools/new_project.py."""

    labeled: str
    masks: str
    unlabeled: str
    val_images: str | None
    val_masks: str | None
    image_suffix: str | None
    mask_suffix: str | None
    mask_values: list[int] | None
    ignored_values: list[int]
    colors: tuple[Color, ...] | None
    reuse_labeled: bool
    workers: int


@dataclass
class Side:
    """Images with masks, and what is in them.

    Attributes:
        pairs: Images and masks.
        reports: What was found in their files, by the name of the image.
    """

    pairs: Pairs
    reports: dict[str, FileReport]

    def images(self, names: list[str]) -> list[LabeledImage]:
        """Describe images by name."""
        found = [(name, self.reports[name]) for name in names]
        return [LabeledImage(n, r.path, r.digest) for n, r in found]

    def classes(
        self, names: list[str], values: MaskValues, num_classes: int
    ) -> np.ndarray:
        """Pixels of each class in each mask, (N, num_classes)."""
        pixels = [self.reports[name].pixels for name in names]
        return share_of_classes(pixels, values, num_classes)


@dataclass
class Survey:
    """The streams of a new project.

    Attributes:
        values: Meaning of the numbers in the masks.
        labeled: Where the images of ``train`` are.
        val: Where those to evaluate on are; ``labeled``, unless given.
        train: Images that are trained with masks.
        evaluated: Names of the images to evaluate on.
        unlabeled: Images that are trained without masks.
        sizes: Height and width of the unlabeled images, where known.
    """

    values: MaskValues
    labeled: Side
    val: Side
    train: Stream
    evaluated: list[str]
    unlabeled: Stream
    sizes: list[tuple[int, int]]

    @property
    def lists(self) -> dict[str, list[str]]:
        """Names of the images by the name of their list."""
        return dict(
            labeled=self.train.names,
            val=self.evaluated,
            unlabeled=self.unlabeled.names,
        )
