import sys

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadAnnotations as MaskLoader
from mmengine.config import Config
from mmseg.registry import DATASETS
from support import ROOT

from mmseg_classmix.datasets import UnlabeledDataset

LOAD = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]


@pytest.fixture
def folder(tmp_path):
    image = np.full((4, 6, 3), 7, np.uint8)
    for name in ('b.png', 'a.JPG', 'deep/er/c d.jpeg', 'ünï.bmp'):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ok, data = cv2.imencode(path.suffix.lower(), image)
        path.write_bytes(data.tobytes())
    (tmp_path / 'images' / 'notes.txt').write_text('no image')
    return tmp_path


def paths(dataset, folder):
    root = f'{folder}/images/'
    return [
        dataset.get_data_info(i)['img_path'].removeprefix(root)
        for i in range(len(dataset))
    ]


def make(folder, **kwargs):
    return UnlabeledDataset(
        data_root=str(folder),
        data_prefix=dict(img_path='images'),
        pipeline=LOAD,
        **kwargs,
    )


def test_folder_is_searched_recursively_for_several_suffixes(folder):
    dataset = make(folder)
    expected = ['a.JPG', 'b.png', 'deep/er/c d.jpeg', 'ünï.bmp']
    assert paths(dataset, folder) == expected
    sample = dataset[2]
    assert sample['inputs'].shape == (3, 4, 6)
    assert 'gt_sem_seg' not in sample['data_samples']


def test_list_names_images_with_or_without_suffix(folder):
    (folder / 'list.txt').write_text('deep/er/c d\r\nb.png\n\n')
    dataset = make(folder, ann_file='list.txt')
    assert paths(dataset, folder) == ['deep/er/c d.jpeg', 'b.png']


def test_one_suffix_may_be_given_and_keeps_its_case(folder):
    assert paths(make(folder, img_suffix='.png'), folder) == ['b.png']
    # As Cityscapes names its images.
    image = folder / 'images' / 'city' / 'a_leftImg8bit.png'
    image.parent.mkdir()
    image.write_bytes((folder / 'images' / 'b.png').read_bytes())
    (folder / 'list.txt').write_text('city/a\n')
    suffix = '_leftImg8bit.png'
    dataset = make(folder, ann_file='list.txt', img_suffix=suffix)
    assert paths(dataset, folder) == ['city/a_leftImg8bit.png']
    dataset = make(folder, img_suffix=suffix)
    assert paths(dataset, folder) == ['city/a_leftImg8bit.png']


def listen(event, arguments, opened):
    name = arguments[0] if event == 'open' else None
    # Pillow imports what reads a format at its first file.
    if isinstance(name, str) and not name.endswith('.pyc'):
        opened.append(name)


@pytest.fixture(scope='module')
def opened():
    """Files that Python opens; a hook of Python's cannot be removed."""
    files = []
    sys.addaudithook(lambda event, args: listen(event, args, files))
    return files


def unlabeled_sources():
    """Those of the configs that differ in more than their lists."""
    found = {}
    for path in sorted((ROOT / 'configs' / 'classmix').glob('*.py')):
        cfg = Config.fromfile(str(path))
        _, source = cfg.train_dataloader.dataset.datasets
        # Only to compare pseudo-labels with, in the log: not needed.
        source.pop('eval_pseudo_labels', None)
        source.data_prefix.pop('seg_map_path', None)
        source.ann_file = ''
        found.setdefault(repr(source), source)
    return list(found.values())


def test_no_mask_is_read_or_made_for_unlabeled_images(tmp_path, opened):
    sources = unlabeled_sources()
    assert len(sources) > 3
    for i, source in enumerate(sources):
        check_no_mask(source, tmp_path / str(i), opened)


def check_no_mask(source, tmp_path, opened):
    suffix = source.get('img_suffix', '.png')
    images = tmp_path / source.data_prefix.img_path
    images.mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 256, (90, 130, 3))
    cv2.imwrite(f'{images}/a{suffix}', picture.astype(np.uint8))
    # No folder of masks anywhere, only this image.
    source.update(data_root=str(tmp_path))
    dataset = DATASETS.build(source)
    info = dataset.get_data_info(0)
    assert not [key for key in info if 'seg' in key and info[key]]
    steps = dataset.pipeline.transforms
    assert not [step for step in steps if isinstance(step, MaskLoader)]
    opened.clear()
    for step in steps:
        info = step(info)
        arrays = {k for k, v in info.items() if isinstance(v, np.ndarray)}
        assert arrays <= {'img'}
    assert set(opened) == {f'{images}/a{suffix}'}
    assert set(info) == {'inputs', 'data_samples'}
    assert not list(info['data_samples'].keys())
