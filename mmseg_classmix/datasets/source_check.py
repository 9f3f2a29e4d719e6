"""Where the files of a dataset are: links and file backends."""

import os.path as osp

from mmengine.dataset import BaseDataset

from mmseg_classmix.datasets.sample_files import FILES, all_steps


def is_remote(dataset: BaseDataset, key: str, path: str = '') -> bool:
    """Whether a file backend reads what the file system may not have.

    Args:
        dataset: A built dataset, no wrapper.
        key: Entry of its samples and of ``data_prefix``, such as 'img_path'.
        path: Path or address of a file or folder.

    Returns:
        True for an address (``s3://...``), and if the dataset, or the
        transform that reads this entry, has ``backend_args``.
    """
    _, loader = FILES.get(key, ('', ()))
    return (
        '://' in path
        or bool(getattr(dataset, 'backend_args', None))
        or any(
            isinstance(step, loader) and getattr(step, 'backend_args', None)
            for step in all_steps(getattr(dataset, 'pipeline', None))
        )
    )


def real_path(path: str, folders: dict[str, str]) -> str:
    """Resolve links; folders only once.

    Args:
        path: Path of a file.
        folders: Resolved folders, kept by the caller.

    Returns:
        The path without links.
    """
    if osp.islink(path):
        return osp.realpath(path)
    folder, name = osp.split(path)
    if folder not in folders:
        folders[folder] = osp.realpath(folder)
    return osp.join(folders[folder], name)
