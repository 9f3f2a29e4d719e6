"""Images of a folder, small or with a million files, or of a list of names."""

import os
import os.path as osp
from collections.abc import Sequence

from mmengine import fileio
from mmseg.datasets import BaseSegDataset

IMG_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


class NamesInFolders:
    """Find out which suffix a name has, listing each folder once."""

    def __init__(self, folder: str, suffixes: tuple[str, ...]) -> None:
        self.folder = folder
        self.suffixes = suffixes
        self._listed: dict[str, set[str]] = {}

    def matches(self, name: str) -> list[str]:
        """List the files that a path below the folder may mean."""
        below, base = osp.split(name)
        if below not in self._listed:
            here = osp.join(self.folder, below)
            names = os.listdir(here) if osp.isdir(here) else ()
            self._listed[below] = set(names)
        found = self._listed[below]
        return [name + s for s in self.suffixes if base + s in found]


class ImageDataset(BaseSegDataset):
    """What labeled and unlabeled images of one's own have in common.

    Takes mmseg's arguments; ``img_suffix`` is a tuple.
    """

    @property
    def _name(self) -> str:
        return type(self).__name__

    def image_names(self) -> list[str]:
        """List paths below the folder, sorted or in the order of the list."""
        img_dir = self.data_prefix['img_path']
        list_alone = self.ann_file and not img_dir
        if not list_alone and not fileio.isdir(
            img_dir, backend_args=self.backend_args
        ):
            raise FileNotFoundError(
                f'{self._name}: no folder {img_dir}: set data_root and '
                'data_prefix=dict(img_path=...)'
            )
        names = self._listed() if self.ann_file else self._found()
        if not names:
            raise ValueError(
                f'{self._name}: no image in {self.ann_file or img_dir} '
                '(ann_file or data_prefix) with img_suffix='
                f'{", ".join(self.img_suffix)}'
            )
        return names

    def _found(self) -> list[str]:
        folder = self.data_prefix['img_path']
        if self._is_local():
            return find_images(folder, self.img_suffix)
        files = fileio.list_dir_or_file(
            folder,
            list_dir=False,
            recursive=True,
            backend_args=self.backend_args,
        )
        return sorted(f for f in files if self._has_suffix(f))

    def _is_local(self) -> bool:
        # With data_root, which may be an address, in front of it.
        folder = self.data_prefix['img_path']
        return not self.backend_args and '://' not in folder

    def _has_suffix(self, name: str) -> bool:
        suffixes = tuple(suffix.lower() for suffix in self.img_suffix)
        return name.lower().endswith(suffixes)

    def _listed(self) -> list[str]:
        if not fileio.isfile(self.ann_file, backend_args=self.backend_args):
            raise FileNotFoundError(
                f'{self._name}: {no_list("ann_file", self.ann_file)}'
            )
        names = read_names('ann_file', self.ann_file, self.backend_args)
        folders = NamesInFolders(self.data_prefix['img_path'], self.img_suffix)
        return [self._with_suffix(name, folders) for name in names if name]

    def _with_suffix(self, name: str, folders: NamesInFolders) -> str:
        whole = self._has_suffix(name)
        if not whole and len(self.img_suffix) > 1 and self._is_local():
            found = folders.matches(name)
        else:
            names = [name + s for s in ([''] if whole else self.img_suffix)]
            found = [name for name in names if self._exists(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(
                f'{self._name}: ann_file {self.ann_file} names {name!r}, '
                f'which may be {" or ".join(found)}: write the suffix too, or '
                'set img_suffix to one'
            )
        raise FileNotFoundError(
            f'{self._name}: ann_file {self.ann_file} names {name!r}, but '
            f'there is no such image in {self.data_prefix["img_path"]!r}; '
            f'suffixes: {", ".join(self.img_suffix)}'
        )

    def _exists(self, name: str) -> bool:
        path = osp.join(self.data_prefix['img_path'], name)
        return fileio.exists(path, backend_args=self.backend_args)


def as_tuple(suffix: str | Sequence[str]) -> tuple[str, ...]:
    """Make a tuple of one suffix or several."""
    return (suffix,) if isinstance(suffix, str) else tuple(suffix)


def without_suffix(name: str, suffixes: Sequence[str]) -> str:
    """Take the longest suffix off a name, without regard to case."""
    lower = name.lower()
    fitting = [len(s) for s in suffixes if lower.endswith(s.lower())]
    return name[: len(name) - max(fitting, default=0)]


def find_images(
    folder: str, suffixes: tuple[str, ...], broken_links: bool = False
) -> list[str]:
    """List the images below a local folder, sorted, as paths below it.

    Files are looked at only if they are links; what starts with a dot is
    skipped. Links that lead nowhere are refused or, with ``broken_links``,
    listed; links that lead to a folder twice are refused.
    """
    endings = tuple(suffix.lower() for suffix in suffixes)
    names, seen, todo = [], {}, ['']
    while todo:
        below = todo.pop()
        here = osp.join(folder, below)
        _check_new(here, seen)
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name.startswith('.'):
                    continue
                broken = entry.is_symlink() and not osp.exists(entry.path)
                if broken and not broken_links:
                    raise FileNotFoundError(
                        f'{entry.path} is a link to '
                        f'{os.readlink(entry.path)}, which does not exist: '
                        'remove the link, or bring back what it leads to'
                    )
                if entry.is_dir():
                    todo.append(osp.join(below, entry.name))
                elif entry.name.lower().endswith(endings):
                    names.append(osp.join(below, entry.name))
    return sorted(names)


def _check_new(folder: str, seen: dict) -> None:
    status = os.stat(folder)
    first = seen.setdefault((status.st_dev, status.st_ino), folder)
    if first != folder:
        raise ValueError(
            f'{folder} and {first} are the same folder (a link, perhaps in a '
            'circle): its images would be taken more than once. Remove the '
            'link, or name the images in ann_file'
        )


def read_names(
    place: str, path: str, backend_args: dict | None = None
) -> list[str]:
    """Read a list of names, UTF-8 with line ends of any system.

    White space around names is dropped; a blank line is ''. Errors name
    ``place``, the config key of the list.
    """
    data = fileio.get(path, backend_args=backend_args)
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise ValueError(
            f'the list {path} ({place}) is no UTF-8 text: line {line} has '
            f'the byte {data[error.start]:#04x}. Save it as UTF-8, not as '
            'UTF-16 or Latin-1'
        ) from None
    # Only these end a line: a name may have other characters that Python
    # takes for line ends.
    lines = text.replace('\r\n', '\n').split('\n')
    return [line.strip() for line in lines[: -1 if not lines[-1] else None]]


def no_list(place: str, ann_file: str) -> str:
    """Say how to write a list that a config key names and nobody has."""
    folder = osp.normpath(osp.dirname(ann_file))
    return (
        f'no list of image names {osp.normpath(ann_file)} ({place}). Lists of '
        'labeled images need the data set itself: write them with `python '
        f'tools/make_splits.py configs/_base_/datasets/DATASET.py {folder} '
        '--counts NAME=NUMBER ...`; docs/datasets.md has this command, and '
        'the preparation, of each data set. Or correct ann_file'
    )
