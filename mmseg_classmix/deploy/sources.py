"""Images to predict, and what their results are called."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mmseg_classmix.datasets.image_dataset import find_images
from mmseg_classmix.datasets.unlabeled import IMG_SUFFIXES

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.m4v', '.webm', '.mpg')


@dataclass(frozen=True)
class Source:
    """An image file.

    Attributes:
        path: Where it is.
        name: What its results are called: its path below the folder, without
            the suffix.
        stamp: Size in bytes and time of the last change in nanoseconds, when
            it was listed; None if there is no such file.
    """

    path: Path
    name: str
    stamp: tuple[int, int] | None = field(default=None, compare=False)

    @classmethod
    def at(cls, path: Path, name: str) -> 'Source':
        """Look at a file, or at a link that may lead nowhere."""
        try:
            status = path.stat()
        except OSError:
            return cls(path, name)
        return cls(path, name, (status.st_size, status.st_mtime_ns))


def is_video(path: Path) -> bool:
    """Tell a video by the suffix of its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_sources(path: Path, same_stem: bool = True) -> list[Source]:
    """List an image, or the images of a folder and the folders in it.

    Args:
        path: Image, or folder; what starts with a dot is left out.
        same_stem: Whether images may differ by their suffix only: the
            results of a.jpg and a.png are then called a.jpg and a.png, where
            they would both be called a. No two have the same name.

    Returns:
        The images, sorted. Links that lead nowhere are among them.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the folder has no image, or two that may not have the
            same name.
    """
    if path.is_file():
        return [Source.at(path, path.stem)]
    if not path.is_dir():
        raise FileNotFoundError(f'no image, video or folder {path.absolute()}')
    below = find_images(str(path), IMG_SUFFIXES, broken_links=True)
    if not below:
        raise ValueError(
            f'no image in the folder {path}: suffixes are '
            f'{", ".join(IMG_SUFFIXES)}; a video is given as a file'
        )
    names = [PurePosixPath(Path(name).as_posix()) for name in below]
    stems = Counter(name.with_suffix('') for name in names)
    double = [str(name) for name in names if stems[name.with_suffix('')] > 1]
    if double and not same_stem:
        raise ValueError(
            f'{len(double)} images of {path} differ by their suffix only, '
            f'such as {" and ".join(double[:2])}: their masks would have the '
            'same name. Rename or convert them'
        )
    return [
        Source.at(path / below, name) for below, name in _apart(names).items()
    ]


def find_videos(path: Path) -> list[str]:
    """List the videos of a folder, which :func:`find_sources` leaves out.

    Args:
        path: Image or folder.

    Returns:
        Paths below the folder.
    """
    if not path.is_dir():
        return []
    return find_images(str(path), VIDEO_SUFFIXES, broken_links=True)


def _apart(paths: list[PurePosixPath]) -> dict[PurePosixPath, str]:
    """Name results without suffixes, but for those who need them."""
    names = {path: str(path.with_suffix('')) for path in paths}
    while True:
        counts = Counter(names.values())
        # A whole name may be that of another without its suffix.
        same = [
            path
            for path, name in names.items()
            if counts[name] > 1 and name != str(path)
        ]
        if not same:
            return names
        names.update((path, str(path)) for path in same)
