"""All that a new project says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmseg_classmix.new_project.mask_values import MaskValues
from mmseg_classmix.new_project.network import Network
from mmseg_classmix.new_project.proposal import Proposal


@dataclass(frozen=True)
class Source:
    """Where images lie.

    Attributes:
        images: Folder of the images.
        masks: Folder of the masks, or None.
        mask_suffixes: What follows the name of an image in its mask's.
    """

    images: str
    masks: str | None = None
    mask_suffixes: Sequence[str] = ()


@dataclass(frozen=True)
class Project:
    """All that the configs of a project say.

    Attributes:
        configs: Folder of our configs.
        classes: Names of the classes.
        values: Meaning of the numbers in the masks.
        image_suffix: Suffix of labeled images that their masks do not have,
            or None.
        labeled: Labeled images.
        val: Images to evaluate on.
        unlabeled: Images without masks.
        proposal: Settings.
        network: Network, start and optimizer.
        seed: Seed of the training.
    """

    configs: Path
    classes: tuple[str, ...]
    values: MaskValues
    image_suffix: str | None
    labeled: Source
    val: Source
    unlabeled: Source
    proposal: Proposal
    network: Network
    seed: int


def describe(project: Project) -> str:
    """Say in a line what is proposed."""
    proposal = project.proposal
    height, width = proposal.crop_size
    resized = '' if proposal.scale == 1 else f' of images x {proposal.scale}'
    return (
        f'{project.network.why}, crops of {height}x{width}{resized}, batch '
        f'{proposal.batch} + {proposal.batch}, {proposal.iters} iterations '
        '(supervised.py says why)'
    )
