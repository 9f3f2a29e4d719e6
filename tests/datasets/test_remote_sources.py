"""Files that a file backend reads are not looked for on the disk."""

import os

import pytest
from bad_data import build, draw_all, mask
from mmengine.dataset import Compose
from mmengine.fileio import LocalBackend, register_backend
from support import SUPERVISED, tiny_config

from mmseg_classmix.datasets.checked_pipeline import (
    CheckedPipeline,
    check_samples,
)
from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.preflight.data import bad_files

ADDRESS, ALIAS = 'bucket://data', 'no/such/folder'


class Bucket(LocalBackend):
    """The tiny data set under an address, and under a name that is none."""

    def get(self, filepath):
        for name in (ADDRESS, ALIAS):
            filepath = filepath.replace(name, os.environ['TINY_DATA'])
        return super().get(filepath)


register_backend('bucket', Bucket, prefixes='bucket', force=True)


def by_address(dataset, root):
    for key, folder in dataset.data_prefix.items():
        dataset.data_prefix[key] = f'{ADDRESS}/{folder}'
    del dataset.data_root
    dataset.ann_file = str(root / 'labeled.txt')


def by_transform(dataset, root, loaders=('LoadImageFromFile',)):
    """Of mmseg's usual loaders, some have backend_args."""
    keys = {'LoadImageFromFile': 'img_path', 'LoadAnnotations': 'seg_map_path'}
    for key, folder in dataset.data_prefix.items():
        dataset.data_prefix[key] = str(root / folder)
    for step in dataset.pipeline:
        if step.type in loaders:
            step.backend_args = dict(backend='bucket')
            folder = dataset.data_prefix[keys[step.type]]
            dataset.data_prefix[keys[step.type]] = folder.replace(
                str(root), ALIAS
            )
    dataset.pop('data_root')
    dataset.ann_file = str(root / 'labeled.txt')


def by_both_transforms(dataset, root):
    by_transform(dataset, root, ('LoadImageFromFile', 'LoadAnnotations'))


WAYS = [by_address, by_transform, by_both_transforms]


def labeled(way, root):
    def change(cfg):
        way(cfg.train_dataloader.dataset.datasets[0], root)

    return change


@pytest.mark.parametrize('way', WAYS)
def test_training_reads_by_backend(way, own_data):
    first = build(labeled(way, own_data)).datasets[0]
    for sample, local in zip(
        draw_all(first), build().datasets[0], strict=True
    ):
        # Up to the random flip.
        ours, theirs = sample['inputs'], local['inputs']
        assert ours.sum() == theirs.sum()


def test_validation_reads_by_backend(own_data, tmp_path):
    lists = own_data / 'labeled.txt'
    lists.write_text('im_0\nim_1\nim_2\n')
    expected = ClassMixRunner.from_cfg(
        tiny_config(tmp_path / 'a', SUPERVISED)
    ).val()
    cfg = tiny_config(tmp_path / 'b', SUPERVISED)
    by_both_transforms(cfg.val_dataloader.dataset, own_data)
    found = ClassMixRunner.from_cfg(cfg).val()
    assert found['aAcc'] == expected['aAcc'] > 0


def test_local_masks_of_remote_images_are_looked_for(own_data):
    path = mask(own_data)
    path.unlink()
    source = build(labeled(by_transform, own_data)).datasets[0]
    (problem,) = bad_files(source, headers=True)
    assert str(path) in problem and 'does not exist' in problem


def test_a_missing_local_folder_beside_remote_images(own_data):
    def change(cfg):
        labeled(by_transform, own_data)(cfg)
        source = cfg.train_dataloader.dataset.datasets[0]
        source.data_prefix.seg_map_path = 'gone'

    with pytest.raises(FileNotFoundError, match='no folder gone'):
        build(change)


class OwnCompose(Compose):
    """A pipeline with another way to apply its transforms."""

    def __call__(self, data):
        return {**super().__call__(data), 'own': True}


def test_only_plain_pipelines_are_replaced(tiny_data):
    source = build().datasets[0]
    checked = source.pipeline
    assert type(checked) is CheckedPipeline
    check_samples('place', source)
    assert source.pipeline is checked
    source.pipeline = OwnCompose(checked.transforms)
    check_samples('place', source)
    assert source[0]['own']
