"""Images of a folder, or of a list of their names."""

import os.path as osp
from collections.abc import Sequence

from mmengine import fileio
from mmseg.datasets import BaseSegDataset

from mmseg_classmix.datasets.image_folder import NamesInFolders, find_images
from mmseg_classmix.datasets.name_list import no_list, read_names

IMG_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


class ImageDataset(BaseSegDataset):
    """What labeled and unlabeled images of one's own have in common.

    Takes mmseg's arguments; ``img_suffix`` is a tuple.
    """

    def image_names(self) -> list[str]:
        """List the images, sorted by path or in the order of the list.

        Returns:
            Paths below ``data_prefix['img_path']``.

        Raises:
            FileNotFoundError: If the folder, the list or a listed image does
                not exist, or a link in the folder leads nowhere.
            ValueError: If there is no image, links lead to a folder twice,
                or a listed name may mean several images.
        """
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
                f'{self._name}: no image in '
                f'{self.ann_file or img_dir} (ann_file or data_prefix) with '
                f'img_suffix={", ".join(self.img_suffix)}'
            )
        return names

    @property
    def _name(self) -> str:
        return type(self).__name__

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
        several = len(self.img_suffix) > 1 and self._is_local()
        if self._has_suffix(name):
            found = [name] if self._exists(name) else []
        elif several:
            found = folders.matches(name)
        else:
            names = [name + suffix for suffix in self.img_suffix]
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


def without_suffix(name: str, suffixes: Sequence[str]) -> str:
    """Take the longest suffix off a name, without regard to case.

    Args:
        name: Name of a file.
        suffixes: Suffixes, such as ``('.jpg', '_sat.jpg')``.

    Returns:
        The name without the suffix, or the whole name if it has none.
    """
    lower = name.lower()
    fitting = [len(s) for s in suffixes if lower.endswith(s.lower())]
    return name[: len(name) - max(fitting, default=0)]
