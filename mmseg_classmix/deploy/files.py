"""Images and videos to predict, and the folder that gets the results."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from mmseg_classmix.checkpoints import AtomicLocalBackend
from mmseg_classmix.datasets.image_dataset import find_images
from mmseg_classmix.datasets.unlabeled import IMG_SUFFIXES

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.m4v', '.webm', '.mpg')
JOURNAL = 'journal.jsonl'
ADVICE = 'Make room: the same command then continues; or choose another --out'


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


def is_utf8(path: Path) -> bool:
    """Whether a name can be written into a text file."""
    return not any('\ud800' <= letter <= '\udfff' for letter in str(path))


def is_video(path: Path) -> bool:
    """Tell a video by the suffix of its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_sources(path: Path, same_stem: bool = True) -> list[Source]:
    """List an image, or the images below a folder, sorted.

    What starts with a dot is left out, links that lead nowhere are not.

    Args:
        path: Image or folder.
        same_stem: Whether images may differ by their suffix only: the
            results of a.jpg and a.png are then called a.jpg and a.png, where
            they would both be called a. No two have the same name.

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
    """List the videos below a folder, which :func:`find_sources` leaves."""
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


def mask_name(name: str) -> str:
    """Path of the mask of an image below the folder of results."""
    return f'masks/{name}.png'


class ResultsFolder:
    """A folder of results, and a journal of the images that are finished.

    The first line of the journal has the settings, plain values that decide
    the results; every other line is a finished image. The same settings
    continue a run that was stopped. ``overwrite`` starts again, and removes
    what the journal names.
    """

    def __init__(
        self, path: Path, settings: dict[str, Any], overwrite: bool = False
    ) -> None:
        self.path = path
        self._files = AtomicLocalBackend(ADVICE)
        self._journal = path / JOURNAL
        #: What was noted down about the finished images, by their names.
        self.finished: dict[str, dict] = {}
        lines = []
        if self._journal.is_file():
            # After the last newline is what a kill has cut short.
            lines = self._journal.read_text('utf-8').split('\n')[:-1]
        if overwrite:
            self._remove(lines[1:])
            lines = []
        elif lines:
            self._check(settings, json.loads(lines[0]))
        elif path.exists() and any(path.iterdir()):
            raise FileExistsError(
                f'--out {path} holds files that this tool has not written: '
                'choose a new folder, or say --overwrite'
            )
        for line in lines[1:]:
            record = json.loads(line)
            self.finished[record.pop('name')] = record
        text = '\n'.join([json.dumps(settings), *lines[1:]]) + '\n'
        self._files.put_text(text, self._journal)

    def _check(self, settings: dict[str, Any], before: dict) -> None:
        # As the file has it: lists for tuples.
        now = json.loads(json.dumps(settings))
        changed = [
            f'{key} was {before.get(key)!r} and is {now.get(key)!r}'
            for key in {**before, **now}
            if before.get(key) != now.get(key)
        ]
        if changed:
            raise FileExistsError(
                f'--out {self.path} holds results of other settings: '
                f'{"; ".join(changed)}. Choose another folder, or say '
                '--overwrite'
            )

    def _remove(self, lines: list[str]) -> None:
        for line in lines:
            # A damaged line names nothing.
            with suppress(ValueError):
                for name in json.loads(line).get('files', ()):
                    (self.path / name).unlink(missing_ok=True)

    def has(self, source: Source) -> bool:
        """Say whether an image is finished, unchanged, and its mask there."""
        record = self.finished.get(source.name)
        return (
            record is not None
            and source.stamp is not None
            and record.get('stamp') == list(source.stamp)
            and (self.path / record['files'][0]).is_file()
        )

    def write(self, name: str, content: bytes) -> None:
        """Write a file below the folder, whole or not at all."""
        self._files.put(content, self.path / name)

    def finish(
        self, source: Source, files: Sequence[str], **record: Any
    ) -> None:
        """Note down that all files of an image or a video are written.

        Without the first of ``files``, paths below the folder, it counts as
        not finished. ``record`` are more plain values.
        """
        stamp = source.stamp and list(source.stamp)
        record.update(stamp=stamp, files=list(files))
        self.finished[source.name] = record
        line = json.dumps(dict(name=source.name, **record)) + '\n'
        with open(self._journal, 'a', encoding='utf-8') as file:
            file.write(line)
