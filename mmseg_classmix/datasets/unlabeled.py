"""Images without masks."""

import os.path as osp
from collections.abc import Sequence

import mmengine
from mmengine import fileio
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_classmix.datasets.name_list import no_list

IMG_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


@DATASETS.register_module()
class UnlabeledDataset(BaseSegDataset):
    """A folder of images, or a list of their names; no masks anywhere.

    Args:
        data_root: Root of ``data_prefix`` and ``ann_file``.
        data_prefix: ``dict(img_path=FOLDER)``; searched recursively. May be
            left out if ``ann_file`` lists whole paths.
        ann_file: Optional text file with one image a line, relative to
            ``img_path``, with or without the suffix. Without it all images
            of the folder are taken.
        img_suffix: Suffixes of images, compared without regard to case; a
            name without suffix gets them as they are written here.
        **kwargs: As for mmseg's ``BaseSegDataset``.

    Raises:
        FileNotFoundError: If the folder, the list or a listed image does not
            exist.
        ValueError: If there is no image, or a folder of masks is given.
    """

    def __init__(
        self,
        data_root: str | None = None,
        data_prefix: dict | None = None,
        ann_file: str = '',
        img_suffix: str | Sequence[str] = IMG_SUFFIXES,
        **kwargs,
    ) -> None:
        data_prefix = dict(data_prefix or dict(img_path=''))
        if set(data_prefix) != {'img_path'}:
            raise ValueError(
                'UnlabeledDataset: data_prefix must be dict(img_path=...), '
                f'but got {data_prefix}; unlabeled images have no masks'
            )
        if isinstance(img_suffix, str):
            img_suffix = (img_suffix,)
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix,
            ann_file=ann_file,
            img_suffix=tuple(img_suffix),
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """List the images, sorted by path or in the order of the list.

        Returns:
            Dicts with ``img_path`` and mmseg's usual fields.
        """
        img_dir = self.data_prefix['img_path']
        list_alone = self.ann_file and not img_dir
        if not list_alone and not fileio.isdir(
            img_dir, backend_args=self.backend_args
        ):
            raise FileNotFoundError(
                f'UnlabeledDataset: no folder {img_dir}: set data_root and '
                'data_prefix=dict(img_path=...)'
            )
        names = self._listed() if self.ann_file else self._found()
        if not names:
            raise ValueError(
                'UnlabeledDataset: no image in '
                f'{self.ann_file or img_dir} (ann_file or data_prefix); '
                f'suffixes: {", ".join(self.img_suffix)}'
            )
        return [
            dict(
                img_path=osp.join(img_dir, name),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for name in names
        ]

    def _found(self) -> list[str]:
        files = fileio.list_dir_or_file(
            self.data_prefix['img_path'],
            list_dir=False,
            recursive=True,
            backend_args=self.backend_args,
        )
        return sorted(f for f in files if self._has_suffix(f))

    def _has_suffix(self, name: str) -> bool:
        suffixes = tuple(suffix.lower() for suffix in self.img_suffix)
        return name.lower().endswith(suffixes)

    def _listed(self) -> list[str]:
        if not fileio.isfile(self.ann_file, backend_args=self.backend_args):
            raise FileNotFoundError(
                f'UnlabeledDataset: {no_list("ann_file", self.ann_file)}'
            )
        lines = mmengine.list_from_file(
            self.ann_file, backend_args=self.backend_args
        )
        return [
            self._with_suffix(line.strip()) for line in lines if line.strip()
        ]

    def _with_suffix(self, name: str) -> str:
        for suffix in [''] if self._has_suffix(name) else self.img_suffix:
            path = osp.join(self.data_prefix['img_path'], name + suffix)
            if fileio.exists(path, backend_args=self.backend_args):
                return name + suffix
        raise FileNotFoundError(
            f'UnlabeledDataset: ann_file {self.ann_file} names {name!r}, but '
            f'there is no such image in {self.data_prefix["img_path"]!r}; '
            f'suffixes: {", ".join(self.img_suffix)}'
        )
