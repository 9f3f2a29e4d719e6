"""Which mask belongs to which image."""

import os.path as osp
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from mmseg_classmix.datasets.image_dataset import (
    IMG_SUFFIXES,
    find_images,
    without_suffix,
)
from mmseg_classmix.new_project.findings import Findings

MASK_SUFFIXES = (*IMG_SUFFIXES, '.gif')


@dataclass
class Pairs:
    """Images of a folder and their masks, as paths below their folders.

    ``mask_suffixes`` follow the name of an image in its mask's; ``styles``
    are these without the suffix of the file: none if no name fits, several
    if nothing says which is meant. ``doubtful`` has sentences on images with
    several masks, or that share one.
    """

    images: str
    masks: str
    mask_of: dict[str, str] = field(default_factory=dict)
    mask_suffixes: list[str] = field(default_factory=list)
    unmasked: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    mask_files: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)

    def info(self, name: str) -> dict:
        """Return what an mmseg dataset knows of a sample."""
        return dict(
            img_path=osp.join(self.images, name),
            seg_map_path=osp.join(self.masks, self.mask_of[name]),
            label_map=None,
            reduce_zero_label=False,
        )


def list_pairs(
    findings: Findings,
    images: str,
    masks: str,
    image_suffixes: Sequence[str],
    mask_suffix: str | None,
    more_unlabeled: bool,
) -> Pairs | None:
    """Find images and masks, and say what does not belong together.

    With ``more_unlabeled``, images without a mask are unlabeled ones.
    """
    try:
        pairs = find_pairs(images, masks, image_suffixes, mask_suffix)
    except (FileNotFoundError, ValueError) as error:
        findings.refuse(str(error), f'correct {images} or {masks}')
        return None
    if len(pairs.styles) > 1:
        findings.refuse(
            f'several files of {masks} may be the mask of an image',
            'give --mask-suffix, one of these',
            [f'NAME{style}.*' for style in pairs.styles],
        )
        return None
    if pairs.doubtful:
        findings.refuse(
            f'images of {images} whose mask is not clear',
            'remove or rename all but one',
            pairs.doubtful,
        )
    if not pairs.mask_of:
        findings.refuse(
            f'no image of {images} has a mask in {masks}', _no_pair(pairs)
        )
        return None
    if pairs.unmasked and not more_unlabeled:
        findings.refuse(
            f'images of {images} without a mask NAME'
            f'{"/".join(pairs.mask_suffixes)} in {masks}',
            'draw the masks, move these images to --unlabeled, or give '
            f'--unlabeled {images}: then they are unlabeled ones',
            pairs.unmasked,
        )
    if pairs.unused:
        findings.remark(
            f'{len(pairs.unused)} masks of {masks} have no image, such as '
            f'{pairs.unused[0]}: not used'
        )
    return pairs


def _no_pair(pairs: Pairs) -> str:
    if not pairs.unmasked:
        return 'there is no image: name the folder of the images'
    if not pairs.mask_files:
        return 'there is no mask: name the folder of the masks'
    return (
        'a mask has the path and name of its image, as a.jpg and a.png or '
        f'a_mask.png, but here are {pairs.unmasked[0]} and '
        f'{pairs.mask_files[0]}: rename, or give --image-suffix and '
        '--mask-suffix'
    )


def find_pairs(
    images: str,
    masks: str,
    image_suffixes: Sequence[str] = IMG_SUFFIXES,
    mask_suffix: str | None = None,
) -> Pairs:
    """Find the mask of each image.

    A mask has the path of its image without the suffix, and then the same
    ending for all images, with the suffix of the file or without: '.png', or
    '_mask.png'. The ending that most images have is found unless it is given.
    """
    if mask_suffix is None and osp.samefile(images, masks):
        raise ValueError(
            f'{images} has images and masks: give --mask-suffix, such as '
            '_mask.png'
        )
    suffixes = MASK_SUFFIXES
    if mask_suffix is not None:
        more = [''] if _is_whole(mask_suffix) else suffixes
        suffixes = [mask_suffix + suffix for suffix in more]
    mask_files = find_images(masks, tuple(suffixes))
    # Masks may lie beside the images, or in a folder below.
    taken = {osp.join(masks, file) for file in mask_files}
    stems = defaultdict(list)
    for name in find_images(images, tuple(image_suffixes)):
        if osp.join(images, name) not in taken:
            stems[without_suffix(name, image_suffixes)].append(name)
    endings = {stem: list(_endings(stem, mask_files)) for stem in stems}
    pairs = Pairs(images, masks, mask_files=mask_files)
    pairs.styles = _styles(endings, mask_suffix)
    if len(pairs.styles) == 1:
        _match(pairs, stems, endings)
        rest = sorted(set(mask_files) - set(pairs.mask_of.values()))
        style = pairs.styles[0]
        pairs.unused = [m for m in rest if _style(m).endswith(style)]
    else:
        pairs.unmasked = [name for same in stems.values() for name in same]
    return pairs


def _endings(stem: str, files: list[str]) -> Iterator[str]:
    """List how files go on after a stem; ``im_10`` is not of ``im_1``."""
    for i in range(bisect_left(files, stem), len(files)):
        if not files[i].startswith(stem):
            break
        ending = files[i][len(stem) :]
        if ending and not ending[0].isalnum() and '/' not in ending:
            yield ending


def _is_whole(suffix: str) -> bool:
    return suffix.lower().endswith(MASK_SUFFIXES)


def _style(ending: str) -> str:
    """Ending without the suffix of the file."""
    return ending.rpartition('.')[0]


def _styles(
    endings: dict[str, list[str]], mask_suffix: str | None
) -> list[str]:
    """Endings that most images have; plain names win over longer ones."""
    if mask_suffix is not None:
        return [_style(mask_suffix) if _is_whole(mask_suffix) else mask_suffix]
    styles = (set(map(_style, found)) for found in endings.values())
    counts = Counter(chain.from_iterable(styles))
    most = max(counts.values(), default=0)
    best = sorted(style for style, n in counts.items() if n == most)
    return [''] if '' in best else best


def _match(
    pairs: Pairs, stems: dict[str, list[str]], endings: dict[str, list[str]]
) -> None:
    (style,) = pairs.styles
    suffixes = set()
    for stem, same in stems.items():
        found = [e for e in endings[stem] if _style(e) == style]
        if not found:
            pairs.unmasked += same
        elif len(found) > 1 or len(same) > 1:
            files = [stem + ending for ending in found]
            pairs.doubtful.append(f'{" and ".join(same)}: {", ".join(files)}')
        else:
            pairs.mask_of[same[0]] = stem + found[0]
            suffixes.add(found[0])
    pairs.mask_suffixes = sorted(suffixes)
