"""Folders of images, small or with a million files."""

import os
import os.path as osp


def find_images(
    folder: str, suffixes: tuple[str, ...], broken_links: bool = False
) -> list[str]:
    """List the images below a local folder.

    Files are looked at only if they are links; what starts with a dot is
    skipped.

    Args:
        folder: Where to search, folders in it included.
        suffixes: Suffixes of images, compared without regard to case.
        broken_links: Whether links that lead nowhere are listed, as if they
            were files.

    Returns:
        Paths below ``folder``, sorted.

    Raises:
        FileNotFoundError: If a link leads nowhere, unless ``broken_links``.
        ValueError: If links lead to a folder twice, or in a circle.
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
                    raise FileNotFoundError(_broken_link(entry.path))
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


def _broken_link(path: str) -> str:
    return (
        f'{path} is a link to {os.readlink(path)}, which does not exist: '
        'remove the link, or bring back what it leads to'
    )


class NamesInFolders:
    """Find out which suffix a name has, listing each folder once.

    Args:
        folder: Folder that the names are relative to.
        suffixes: Suffixes to try.
    """

    def __init__(self, folder: str, suffixes: tuple[str, ...]) -> None:
        self.folder = folder
        self.suffixes = suffixes
        self._listed: dict[str, set[str]] = {}

    def matches(self, name: str) -> list[str]:
        """List the files that a name without suffix may mean.

        Args:
            name: Path below the folder, without suffix.

        Returns:
            The name with each suffix that exists.
        """
        below, base = osp.split(name)
        if below not in self._listed:
            here = osp.join(self.folder, below)
            found = os.listdir(here) if osp.isdir(here) else ()
            self._listed[below] = set(found)
        found = self._listed[below]
        return [name + s for s in self.suffixes if base + s in found]
